"""Serves the routes of the checkout API: create a payment and its link, read, list and cancel payments."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Response, Security
from msgspec.structs import replace
from starlette.requests import Request

from lea_payments.checkout import answer_bodies, request_bodies
from lea_payments.checkout.answer_bodies import PaymentList, PaymentWithHistory, PaymentWithLink
from lea_payments.checkout.cancellation.cancellations import Cancellations
from lea_payments.checkout.cancellation.superseding import cancel_superseded
from lea_payments.checkout.error_bodies import error_responses
from lea_payments.checkout.errors import CANCEL, CREATE, GET, LIST, RefusalError
from lea_payments.checkout.guard import BEARER, Callers, guarded_route, key_scopes
from lea_payments.checkout.input import cursor as cursors
from lea_payments.checkout.input.parameters import check_each_once
from lea_payments.checkout.measurement import note_wait
from lea_payments.checkout.request_bodies import NewPayment, Search
from lea_payments.checkout.sessions import CheckoutSessions, check_payable, check_same_payment, different_fields
from lea_payments.checkout.waiting.query import Wait
from lea_payments.checkout.waiting.room import WaitingRoom
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
        description="Identifies a payment without payment_intent_id: a repeated call with this key finds it again. "
        "Keys of callers with different tokens are independent. Beside payment_intent_id it is an error.",
    ),
]

PaymentIdInPath = Annotated[str, Path(max_length=256, examples=["payment_123"])]

LIST_READS = 8
"""How many records all lists read at the same time: half of the store's connections, so that others need not wait."""


class PaymentsApi:
    """Handles the calls of the checkout API."""

    def __init__(
        self,
        store: PaymentStore,
        sessions: CheckoutSessions,
        cancellations: Cancellations,
        *,
        return_origins: Sequence[str] = (),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._sessions = sessions
        self._cancellations = cancellations
        self._return_origins = return_origins
        self._now = now
        self._waiting = WaitingRoom(store)
        self._list_reads = asyncio.Semaphore(LIST_READS)

    def router(self, callers: Callers) -> APIRouter:
        """The routes, which accept these callers."""
        router = APIRouter(route_class=guarded_route(callers), dependencies=[Security(BEARER)], tags=["payments"])
        router.add_api_route(
            "/payments",
            self.create_payment,
            methods=["POST"],
            operation_id="create_payment",
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
            operation_id="get_payment",
            summary="One payment with its history, at once or when it changes",
            responses=error_responses(GET),
        )
        router.add_api_route(
            "/payments",
            self.list_payments,
            methods=["GET"],
            operation_id="list_payments",
            summary="Payments of a user, a quote or a Checkout Session",
            responses=error_responses(LIST),
        )
        router.add_api_route(
            "/payments/{payment_intent_id}/cancel",
            self.cancel_payment,
            methods=["POST"],
            operation_id="cancel_payment",
            summary="Cancel a payment",
            response_description="The payment is canceled: no link of it can be paid.",
            responses=error_responses(CANCEL),
        )
        return router

    async def create_payment(
        self, request: Request, response: Response, new: NewPayment, idempotency_key: IdempotencyKey = None
    ) -> PaymentWithLink:
        """Stores the payment, creates its Checkout Session and returns the link to pay it.

        Safe to repeat: the same payment gets its open link, or a new link if the old one has ended. A repeated call
        must have the same user_id, quote_id, amount and currency. The first call's product_name stays; a new link has
        the locale and the return_url of the call that creates it. The answer shows what is stored. The payments in
        `supersedes` are canceled before the link is created.
        """
        money.check(new.amount, new.currency)
        request_bodies.check_return_url(new.return_url, self._return_origins)
        ids = _possible_ids(new, idempotency_key, key_scopes(request))
        payment = request_bodies.payment_of(new, ids[0], spans.current_traceparent())
        payment = await self._stored_under_another_id(payment, ids) or payment
        if new.supersedes:
            await self._supersede(new.supersedes, payment)
        checkout = await self._sessions.open_for(payment)
        self._waiting.changed(checkout.payment.payment_intent_id)
        events.checkout_session_opened(checkout.payment, checkout.session.id, reused=checkout.reused)
        response.status_code = 200 if checkout.reused else 201
        return answer_bodies.with_link(checkout, self._now())

    async def _supersede(self, payment_ids: Sequence[str], payment: Payment) -> None:
        """Cancels these payments, unless the new one is refused anyway."""
        if payment.payment_intent_id in payment_ids:
            message = "A payment cannot supersede itself; remove its id from supersedes."
            raise RefusalError("invalid_request", message, param="supersedes")
        record = await self._store.get(payment.payment_intent_id)
        if record is not None:
            check_same_payment(record, payment)
            check_payable(record)
        await cancel_superseded(self._cancellations, payment_ids, payment.payment_intent_id)
        for payment_id in payment_ids:
            self._waiting.changed(payment_id)

    async def _stored_under_another_id(self, payment: Payment, ids: Sequence[str]) -> Payment | None:
        """The payment with the id under which it is stored already, if that is not the first of these ids."""
        if len(ids) == 1 or await self._store.get(ids[0]) is not None:
            return None
        for payment_id in ids[1:]:
            record = await self._store.get(payment_id)
            if record is not None and not different_fields(record, payment):
                return replace(payment, payment_intent_id=payment_id)
        return None

    async def get_payment(
        self, request: Request, payment_intent_id: PaymentIdInPath, query: Annotated[Wait, Query()]
    ) -> PaymentWithHistory:
        """The payment as it is now, read consistently. With `wait`, the payment when it changes.

        To learn the result, call with `wait=25` and the `version` that you have as `after`, again and again until
        `final` is true. The answer comes within a second of the change, or after `wait` seconds with the same version.
        When the service stops, the answer comes earlier: the next call reaches another pod.
        """
        check_each_once(request.query_params.multi_items())
        if query.wait:
            note_wait(request, query.wait)
            record = await self._waiting.wait(request, payment_intent_id, query.after, query.wait)
        else:
            record = await self._store.get(payment_intent_id)
        if record is None:
            raise RefusalError(
                "payment_not_found",
                "There is no payment with this id; search with GET /payments?quote_id= or ?user_id=.",
                param="payment_intent_id",
            )
        return PaymentWithHistory.of(record, self._now())

    async def cancel_payment(self, payment_intent_id: PaymentIdInPath) -> PaymentWithHistory:
        """Expires the payment's link at Stripe and cancels the payment: it becomes `expired` with reason `canceled`.

        Safe to repeat. A payment that is paid, or whose money is on its way, is not canceled: the answer is 409 with a
        code that says which. If Stripe does not respond, nothing has changed; repeat the call. A canceled payment gets
        no new link.
        """
        canceled = await self._cancellations.cancel(payment_intent_id)
        self._waiting.changed(payment_intent_id)
        return PaymentWithHistory.of(canceled, self._now())

    async def list_payments(self, request: Request, search: Annotated[Search, Query()]) -> PaymentList:
        """The payments of a user, a quote or a session. Give exactly one of the three parameters.

        A page has at most `limit` payments, newest first. If `next_cursor` is not null, there are more: repeat the call
        with it as `cursor`. Pages are in no order. Payments of the last second can be missing. Those on the page are
        read consistently, as by their id, but without their history.
        """
        field, value = request_bodies.searched(search, request.query_params.multi_items())
        matches = await self._matching(field, value, search)
        page = matches[: search.limit]
        more = len(matches) > search.limit
        records = await asyncio.gather(*(self._read(match.payment_intent_id) for match in page))
        return PaymentList(
            payments=answer_bodies.newest_first([record for record in records if record is not None], self._now()),
            next_cursor=cursors.cursor_after(page[-1].payment_intent_id, field, value) if more else None,
        )

    async def _read(self, payment_id: str) -> Payment | None:
        """A record of a list: the indexes lag behind the table, and lack what is not published."""
        async with self._list_reads:
            return await self._store.get(payment_id)

    async def _matching(self, field: str, value: str, search: Search) -> Sequence[Payment]:
        """The page's payments, and one more if there is one."""
        after = "" if search.cursor is None else cursors.position_of(search.cursor, field, value)
        if field == "session_id":
            payment = await self._store.by_session(value)
            return [] if payment is None else [payment]
        find = self._store.by_user if field == "user_id" else self._store.by_quote
        return await find(value, limit=search.limit + 1, after=after)


def _possible_ids(new: NewPayment, idempotency_key: str | None, scopes: Sequence[bytes]) -> Sequence[str]:
    """The ids that the payment can have; it gets the first one unless it is stored under another one."""
    if new.payment_intent_id is not None:
        if idempotency_key is not None:
            raise RefusalError(
                "invalid_request",
                "Send payment_intent_id or Idempotency-Key, not both: the id alone identifies the payment.",
                param="Idempotency-Key",
            )
        return [new.payment_intent_id]
    if idempotency_key is None:
        return [request_bodies.random_payment_id()]
    return request_bodies.payment_ids_for(idempotency_key, scopes)
