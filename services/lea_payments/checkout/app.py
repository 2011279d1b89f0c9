"""Builds the app of the checkout API, with an answer to each kind of error."""

from collections.abc import Callable, Mapping
from functools import partial
from http import HTTPStatus
from typing import Any

import stripe
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from lea_payments.checkout import error_bodies
from lea_payments.checkout.api import PaymentsApi
from lea_payments.checkout.cancellation.cancellations import Cancellations
from lea_payments.checkout.errors import ERRORS, RefusalError
from lea_payments.checkout.guard import Callers
from lea_payments.checkout.measurement import INTERNAL_ERROR, MeasuredCalls, note_code
from lea_payments.checkout.output.description import DESCRIPTION
from lea_payments.checkout.sessions import CheckoutSessions
from lea_payments.checkout.stripe_calls import StripeCheckout
from lea_payments.payment.money import NotChargeableError
from lea_payments.serving.background.secret_files import SecretFiles
from lea_payments.serving.described_app import create_app as create_base_app
from lea_payments.serving.request_span import RequestSpan
from lea_payments.serving.responses import before_close, error_response, json_response
from lea_payments.settings import CheckoutSettings, read
from lea_payments.store.errors import UnavailableError
from lea_payments.store.payments import PaymentStore
from lea_payments.stripe import client as stripe_client
from lea_payments.telemetry.services.checkout import CALLER_LEFT

STRIPE_RETRIES = 1
TABLE_RETRY_SECONDS = 1
CLIENT_CLOSED_REQUEST = 499
"""nginx's status of a request whose client has left; no standard has one."""


def create_app(settings: CheckoutSettings, store: PaymentStore) -> FastAPI:
    """The app of the checkout API."""
    http_links = settings.stripe_api_base.startswith("http:")
    stripe_checkout = StripeCheckout(_stripe_client(settings), settings.pages_base_url, http_links=http_links)
    callers = Callers(settings.api_tokens)

    def use_secrets(changed: CheckoutSettings) -> None:
        stripe_checkout.use(_stripe_client(changed))
        callers.use(changed.api_tokens)

    app = create_base_app(
        "checkout",
        store,
        store.ping_checkout,
        background=SecretFiles(settings, use_secrets, partial(read, CheckoutSettings)).watch,
        openapi=DESCRIPTION,
        error_handlers=_ERROR_HANDLERS,
    )
    app.add_middleware(MeasuredCalls)
    app.add_middleware(RequestSpan, trusts_caller=True)
    sessions, cancellations = CheckoutSessions(store, stripe_checkout), Cancellations(store, stripe_checkout)
    api = PaymentsApi(store, sessions, cancellations, return_origins=settings.return_url_origins)
    app.include_router(api.router(callers))
    return app


def _stripe_client(settings: CheckoutSettings) -> stripe.StripeClient:
    return stripe_client.client(settings.stripe_secret_key, settings.stripe_api_base, retries=STRIPE_RETRIES)


def _refusal(request: Request, error: RefusalError) -> Response:
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    if error.code == "unauthorized":
        headers["WWW-Authenticate"] = "Bearer"
    note_code(request, error.code)
    body = error_bodies.error_body(error.code, error.message, error.param)
    return json_response(ERRORS[error.code].status, body, headers)


def _not_chargeable(request: Request, error: NotChargeableError) -> Response:
    return _refusal(request, RefusalError(error.code, str(error), param=error.param))


def _table_unavailable(request: Request, _: UnavailableError) -> Response:
    message = "The table of payments does not respond; repeat the same call in a moment."
    return _refusal(request, RefusalError("table_unavailable", message, retry_after=TABLE_RETRY_SECONDS))


def _caller_left(request: Request, _: ClientDisconnect) -> Response:
    """Nobody gets this answer."""
    note_code(request, CALLER_LEFT)
    return Response(status_code=CLIENT_CLOSED_REQUEST)


def _invalid_request(request: Request, error: RequestValidationError) -> Response:
    problems = error.errors()
    if problems[0]["type"] == "json_invalid":
        return _invalid_json(request)
    note_code(request, "invalid_request")
    return json_response(422, error_bodies.validation_error_body(problems))


def _invalid_json(request: Request) -> Response:
    return _refusal(request, RefusalError("invalid_json", "The body is not JSON in UTF-8; send one JSON object."))


def _http_error(request: Request, error: HTTPException) -> Response:
    if error.status_code == HTTPStatus.BAD_REQUEST:
        return _invalid_json(request)
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        # The router names the methods of one route only, and a path has several here.
        methods = request.app.openapi()["paths"].get(request.url.path, {})
        allowed = ", ".join(sorted(method.upper() for method in methods)) or (error.headers or {}).get("Allow", "")
        note_code(request, "method_not_allowed")
        return error_response(request, HTTPException(error.status_code, headers={"Allow": allowed}))
    return _refusal(request, RefusalError("not_found", _nothing_at(request.url.path)))


def _nothing_at(path: str) -> str:
    """A redirect would lead to a host that the caller chose, so the answer says what to do."""
    remedy = "remove the slash at its end" if path.endswith("/") else "/openapi.json describes every path"
    return f"There is nothing at {error_bodies.printable_name(path)}; {remedy}."


def _internal_error(request: Request, _: Exception) -> Response:
    message = "An internal error, which has been logged; repeat the same call, and report the error if it persists."
    return before_close(_refusal(request, RefusalError(INTERNAL_ERROR, message)))


_ERROR_HANDLERS: Mapping[Any, Callable[..., Response]] = {
    RefusalError: _refusal,
    NotChargeableError: _not_chargeable,
    UnavailableError: _table_unavailable,
    ClientDisconnect: _caller_left,
    RequestValidationError: _invalid_request,
    HTTPException: _http_error,
    Exception: _internal_error,
}
