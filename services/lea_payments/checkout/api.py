"""Serves the routes of the checkout API: create a payment and its link, read one payment, list payments."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Response, Security
from starlette.requests import Request

from lea_payments.checkout import answer_bodies, request_bodies
from lea_payments.checkout.answer_bodies import PaymentList, PaymentWithHistory, PaymentWithLink
from lea_payments.checkout.error_bodies import error_responses
from lea_payments.checkout.errors import CREATE, GET, LIST, RefusalError
from lea_payments.checkout.guard import BEARER, guarded_route
from lea_payments.checkout.request_bodies import NewPayment, Search
from lea_payments.checkout.sessions import CheckoutSessions
from lea_payments.payment import money
from lea_payments.payment.record import Payment
from lea_payments.store.payments import PaymentStore
from lea_payments.telemetry import events, spans

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="Identifies a payment without payment_intent_id: a repeated call with this key finds it again.",
    ),
]


class PaymentsApi:
    """Handles the calls of the checkout API."""

    def __init__(self, store: PaymentStore, sessions: CheckoutSessions) -> None:
        self._store = store
        self._sessions = sessions

    def router(self, tokens: Sequence[str]) -> APIRouter:
        """The routes, which accept callers with one of these bearer tokens."""
        router = APIRouter(route_class=guarded_route(tokens), dependencies=[Security(BEARER)], tags=["payments"])
        router.add_api_route(
            "/payments",
            self.create_payment,
            methods=["POST"],
            status_code=201,
            summary="Create a payment and its link",
            response_description="The payment has a new link.",
            responses={
                200: {"model": PaymentWithLink, "description": "The payment already has an open link."},
                **error_responses(CREATE),
            },
        )
        router.add_api_route(
            "/payments/{payment_intent_id}",
            self.get_payment,
            methods=["GET"],
            summary="One payment with its history",
            responses=error_responses(GET),
        )
        router.add_api_route(
            "/payments",
            self.list_payments,
            methods=["GET"],
            summary="Payments of a user, a quote or a Checkout Session",
            responses=error_responses(LIST),
        )
        return router

    async def create_payment(
        self, response: Response, new: NewPayment, idempotency_key: IdempotencyKey = None
    ) -> PaymentWithLink:
        """Stores the payment, creates its Checkout Session and returns the link to pay it.

        Safe to repeat: the same payment gets its open link, or a new link if the old one has ended.
        """
        money.check(new.amount, new.currency)
        payment = request_bodies.payment_of(new, idempotency_key, spans.current_traceparent())
        checkout = await self._sessions.open_for(payment)
        events.checkout_session_opened(checkout.payment, checkout.session.id, reused=checkout.reused)
        response.status_code = 200 if checkout.reused else 201
        return answer_bodies.with_link(checkout)

    async def get_payment(
        self, payment_intent_id: Annotated[str, Path(max_length=256, examples=["payment_123"])]
    ) -> PaymentWithHistory:
        """The payment as it is now, read consistently."""
        record = await self._store.get(payment_intent_id)
        if record is None:
            raise RefusalError(
                "payment_not_found",
                "There is no payment with this id; search with GET /payments?quote_id= or ?user_id=.",
                param="payment_intent_id",
            )
        return PaymentWithHistory.of(record)

    async def list_payments(self, request: Request, search: Annotated[Search, Query()]) -> PaymentList:
        """The payments of a user, a quote or a session, newest first. Give exactly one of the three parameters.

        Payments of the last second can be missing.
        """
        payments = await self._matching(search, parameters=len(request.query_params.multi_items()))
        newest_first = sorted(payments, key=lambda record: record.created_at or "", reverse=True)
        return PaymentList(payments=[answer_bodies.PublishedPayment.of(record) for record in newest_first])

    async def _matching(self, search: Search, *, parameters: int) -> Sequence[Payment]:
        match search.user_id, search.quote_id, search.session_id:
            case (str() as user_id, None, None) if parameters == 1:
                return await self._store.by_user(user_id)
            case (None, str() as quote_id, None) if parameters == 1:
                return await self._store.by_quote(quote_id)
            case (None, None, str() as session_id) if parameters == 1:
                payment = await self._store.by_session(session_id)
                return [] if payment is None else [payment]
        raise RefusalError(
            "invalid_request", "Give exactly one of user_id, quote_id and session_id, once.", param="user_id"
        )
