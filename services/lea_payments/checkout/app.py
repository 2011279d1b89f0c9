"""The checkout API over HTTP: who may call, what is asked, what is answered; holds no rule of payments.

How a payment gets its open session is checkout_session.py's business, how Stripe is asked stripe_checkout.py's.
"""

import hmac
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Header, Path, Query, Response, Security
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from opentelemetry import trace
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message

from lea_payments.checkout import bodies
from lea_payments.checkout.bodies import NewPayment, PaymentList, PaymentWithLink, Search, WholePayment, documented
from lea_payments.checkout.errors import ERRORS, RefusalError
from lea_payments.checkout.sessions import CheckoutSessions
from lea_payments.checkout.stripe_calls import StripeCheckout
from lea_payments.log import log
from lea_payments.payment import money
from lea_payments.serving import app as web
from lea_payments.serving.body import BodyIncompleteError, BodyTooLargeError, body_of
from lea_payments.serving.request_span import RequestSpan
from lea_payments.settings import CheckoutSettings
from lea_payments.store.errors import UnavailableError
from lea_payments.store.payments import PaymentStore
from lea_payments.telemetry import events as telemetry
from lea_payments.telemetry import spans

BODY_LIMIT = 16 * 1024
"""In bytes; a payment of ours is under 4 KiB."""

TABLE_RETRY_SECONDS = 1
_ANY = ("unauthorized", "table_unavailable", "internal_error")
_BEARER = HTTPBearer(auto_error=False, description="One of the tokens in PAYMENTS_API_TOKEN.")


class _Guarded(APIRoute):
    """A route that asks who is calling before it reads anything, and reads no more than a small JSON body."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            _known_caller(request)
            return await answer(await _small_json(request) if request.method == "POST" else request)

        return guarded


def _known_caller(request: Request) -> None:
    """Refuses a caller without one of our tokens; every token is compared, so that time tells nothing."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    tokens: tuple[str, ...] = request.app.state.tokens
    fits = [hmac.compare_digest(token.encode(), given.strip().encode()) for token in tokens]
    if scheme.lower() != "bearer" or not any(fits):
        raise RefusalError(
            "unauthorized",
            "Send the header Authorization: Bearer with one of the tokens in this service's PAYMENTS_API_TOKEN.",
            param="Authorization",
        )


async def _small_json(request: Request) -> Request:
    """The request with its body read."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise RefusalError("unsupported_media_type", "Send the body as JSON, with Content-Type: application/json.")
    try:
        body = await body_of(request, BODY_LIMIT)
    except BodyTooLargeError:
        raise RefusalError("too_large", f"Send a body of at most {BODY_LIMIT} bytes.") from None
    except BodyIncompleteError:
        raise RefusalError(
            "invalid_json", "The connection broke off in the middle of the body; send it again."
        ) from None

    async def read_already() -> Message:
        return {"type": "http.request", "body": body}

    return Request(request.scope, read_already)


router = APIRouter(route_class=_Guarded, dependencies=[Security(_BEARER)], tags=["payments"])


@router.post(
    "/payments",
    status_code=201,
    summary="Create a payment and its link",
    response_description="The payment has a new link.",
    responses={
        200: {"model": PaymentWithLink, "description": "The payment was there already; its link is still open."},
        **documented(
            *("invalid_json", "payment_conflict", "already_completed", "awaiting_confirmation", "awaiting_funds"),
            *("in_review", "too_large", "unsupported_media_type", "invalid_request", "unknown_currency"),
            *("amount_too_small", "amount_too_large", "amount_precision", "stripe_unreachable", "stripe_error"),
            *("stripe_refused", "stripe_busy", "try_again", *_ANY),
        ),
    },
)
async def create_payment(
    request: Request,
    response: Response,
    new: NewPayment,
    idempotency_key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            min_length=1,
            max_length=255,
            pattern=r"^[\x21-\x7e]+$",
            description="Gives a payment without payment_intent_id its id, so that a repeated call finds it again.",
        ),
    ] = None,
) -> PaymentWithLink:
    """Puts the payment on record, opens Stripe's page for it and answers with the link.

    Repeat the same call as often as you like: there is one payment, and its link while that is open, else a new one.
    """
    money.check(new.amount, new.currency)
    sessions: CheckoutSessions = request.app.state.sessions
    opened = await sessions.open_for(bodies.record_of(new, idempotency_key, spans.current_traceparent()))
    telemetry.session_opened(opened.payment.payment_intent_id, reused=opened.reused)
    log.info(
        "checkout session opened",
        payment=opened.payment.payment_intent_id,
        session=opened.session.id,
        attempt=opened.payment.checkout_attempt,
        reused=opened.reused,
        trace_id=spans.trace_id(trace.get_current_span()),
    )
    response.status_code = 200 if opened.reused else 201
    return bodies.with_link(opened)


@router.get(
    "/payments/{payment_intent_id}",
    summary="One payment with its history",
    responses=documented("payment_not_found", "invalid_request", *_ANY),
)
async def get_payment(
    request: Request, payment_intent_id: Annotated[str, Path(max_length=256, examples=["payment_123"])]
) -> WholePayment:
    """The payment as it is now: read your own writes here."""
    store: PaymentStore = request.app.state.store
    record = await store.get(payment_intent_id)
    if record is None:
        raise RefusalError(
            "payment_not_found",
            "There is no payment with this id; look for it with GET /payments?quote_id= or user_id=.",
            param="payment_intent_id",
        )
    return WholePayment.of(record)


@router.get(
    "/payments",
    summary="Payments of a user, a quote or a Checkout Session",
    responses=documented("invalid_request", *_ANY),
)
async def list_payments(request: Request, by: Annotated[Search, Query()]) -> PaymentList:
    """Give exactly one of the three. A payment of the last second may still be missing; none is an empty list."""
    store: PaymentStore = request.app.state.store
    once = len(request.query_params.multi_items()) == 1
    match by.user_id, by.quote_id, by.session_id:
        case (str() as user_id, None, None) if once:
            found = await store.by_user(user_id)
        case (None, str() as quote_id, None) if once:
            found = await store.by_quote(quote_id)
        case (None, None, str() as session_id) if once:
            one = await store.by_session(session_id)
            found = [] if one is None else [one]
        case _:
            raise RefusalError(
                "invalid_request", "Give exactly one of user_id, quote_id and session_id, once.", param="user_id"
            )
    newest_first = sorted(found, key=lambda record: record.created_at or "", reverse=True)
    return PaymentList(payments=[bodies.PublishedPayment.of(record) for record in newest_first])


def _refusal(_: Request, error: Exception) -> Response:
    assert isinstance(error, RefusalError)  # noqa: S101 - registered for it
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    if error.code == "unauthorized":
        headers["WWW-Authenticate"] = "Bearer"
    body = bodies.error_body(error.code, error.message, error.param)
    return web.json_response(ERRORS[error.code].status, body, headers)


def _not_chargeable(request: Request, error: Exception) -> Response:
    assert isinstance(error, money.NotChargeableError)  # noqa: S101 - registered for it
    return _refusal(request, RefusalError(error.code, str(error), param=error.param))


def _unavailable(request: Request, _: Exception) -> Response:
    message = "The table of payments does not answer; repeat the same call in a moment."
    return _refusal(request, RefusalError("table_unavailable", message, retry_after=TABLE_RETRY_SECONDS))


def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it
    problems = error.errors()
    if problems[0]["type"] == "json_invalid":
        return _unreadable(request, error)
    return web.json_response(422, bodies.invalid(problems))


def _unreadable(request: Request, _: Exception) -> Response:
    return _refusal(request, RefusalError("invalid_json", "The body is not JSON in UTF-8; send one JSON object."))


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    if error.status_code == HTTPStatus.BAD_REQUEST:
        return _unreadable(request, error)
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        # The router names the methods of one route only, and a path has several here.
        methods = request.app.openapi()["paths"].get(request.url.path, {})
        allowed = ", ".join(sorted(method.upper() for method in methods)) or (error.headers or {}).get("Allow", "")
        error = HTTPException(error.status_code, headers={"Allow": allowed})
    return web.error_response(request, error)


def _fault(request: Request, _: Exception) -> Response:
    message = "A fault of ours, which is in our log; repeat the same call, and report it if it stays."
    return _refusal(request, RefusalError("internal_error", message))


_HANDLERS = {
    RefusalError: _refusal,
    money.NotChargeableError: _not_chargeable,
    UnavailableError: _unavailable,
    RequestValidationError: _invalid,
    HTTPException: _http_error,
    Exception: _fault,
}


def create_app(settings: CheckoutSettings, store: PaymentStore) -> FastAPI:
    """The checkout API. It has no /docs, since FastAPI's page is fetched from others' servers."""
    app = web.create_app(
        store,
        title="LEA Payments checkout",
        description="Creates payments and the links to pay them. Every error has the same body, with a stable code.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers=_HANDLERS,
    )
    app.add_middleware(RequestSpan)
    app.state.store = store
    app.state.tokens = settings.api_tokens
    app.state.sessions = CheckoutSessions(store, StripeCheckout(settings))
    app.include_router(router)
    return app
