"""One payment, one open Checkout Session: which one its customer is sent to; knows neither HTTP nor Stripe's words."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from msgspec.structs import replace

from lea_payments.checkout.errors import InFlightError, KeySpentError, RefusalError
from lea_payments.payment.event import Fact
from lea_payments.payment.record import PENDING_RANK, Payment, Status, attempt_at, iso
from lea_payments.payment.rules import REVIEW_RULE, RULES
from lea_payments.store.errors import ConflictError
from lea_payments.stripe.checkout_sessions import ATTEMPT_LIFE, CheckoutSession

PAUSES = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.0)
"""Seconds to wait before each new look at a record that others are changing too."""

FIXED = ("user_id", "quote_id", "amount", "currency")
"""What a repeated call must say again; the product's name and the language may be worded anew."""

SETTLED: Mapping[int, tuple[str, str]] = {
    RULES[Fact.AWAITING_FUNDS].rank: (
        "awaiting_funds",
        "The customer has paid by a method that takes days; wait until the payment is completed or failed.",
    ),
    REVIEW_RULE.rank: (
        "in_review",
        "Money has come that is not what was asked for; look at status_reason and settle it in Stripe's dashboard.",
    ),
    RULES[Fact.PAID].rank: (
        "already_completed",
        "This payment is completed; for another one send another payment_intent_id or Idempotency-Key.",
    ),
}
"""The ranks at which a payment may not be paid again."""


class Store(Protocol):
    """What is needed of the table of payments."""

    async def create(self, new: Payment) -> Payment:
        """The new record, or the one that is there already."""

    async def change_checkout(self, record: Payment, **fields: object) -> Payment:
        """The record with other checkout fields; raises ConflictError if it has changed."""


class Stripe(Protocol):
    """What is needed of Stripe; every method raises RefusalError."""

    async def create(self, record: Payment) -> CheckoutSession:
        """The session of the record's current attempt."""

    async def find(self, session_id: str) -> CheckoutSession | None:
        """The session as it is now, if there is one."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A payment and the open session where it can be paid."""

    payment: Payment
    session: CheckoutSession
    reused: bool


class CheckoutSessions:
    """Opens sessions; safe for any number of callers at once, here and in other processes."""

    def __init__(self, store: Store, stripe: Stripe, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._store = store
        self._stripe = stripe
        self._now = now

    async def open_for(self, asked: Payment) -> Opened:
        """The payment, on record before Stripe hears of it, and its open session.

        Raises RefusalError and UnavailableError.
        """
        new = replace(asked, checkout_attempt=1, checkout_attempt_at=iso(self._now()))
        for pause in PAUSES:
            await asyncio.sleep(pause)
            record = await self._store.create(new)
            try:
                return await self._open(record, asked)
            except (ConflictError, InFlightError):
                continue
        raise RefusalError("try_again", "Other calls for this payment are under way; repeat the call.", retry_after=1)

    async def _open(self, record: Payment, asked: Payment) -> Opened:
        _refuse_another(record, asked)
        if record.status_rank in SETTLED:
            raise RefusalError(*SETTLED[record.status_rank])
        if record.stripe_session_id is not None and not _over(record):
            session = await self._stripe.find(record.stripe_session_id)
            if session is not None and session.status == "open":
                return Opened(record, session, reused=True)
            if session is not None and session.status == "complete":
                raise RefusalError(
                    "awaiting_confirmation",
                    "The customer has finished paying and Stripe's word on it is under way; ask for the payment again.",
                )
            return await self._create(await self._begin_attempt(record, asked), asked)
        if self._may_go_on(record):
            return await self._create(record, asked)
        return await self._create(await self._begin_attempt(record, asked), asked)

    async def _create(self, record: Payment, asked: Payment) -> Opened:
        try:
            session = await self._stripe.create(record)
        except KeySpentError:
            record = await self._begin_attempt(record, asked)
            session = await self._stripe.create(record)
        record = await self._store.change_checkout(record, stripe_session_id=session.id)
        return Opened(record, session, reused=False)

    def _may_go_on(self, record: Payment) -> bool:
        """Whether the record's attempt has no session that we know of, and Stripe would still take it."""
        fresh = self._now() < attempt_at(record) + ATTEMPT_LIFE
        return record.checkout_attempt > 0 and record.stripe_session_id is None and not _over(record) and fresh

    async def _begin_attempt(self, record: Payment, asked: Payment) -> Payment:
        """The record as if new, with the next attempt; an event that comes in between wins by ConflictError."""
        return await self._store.change_checkout(
            record,
            checkout_attempt=record.checkout_attempt + 1,
            checkout_attempt_at=iso(self._now()),
            checkout_locale=asked.checkout_locale,
            product_name=record.product_name or asked.product_name,
            traceparent=record.traceparent or asked.traceparent,
            payment_status=Status.PENDING,
            status_rank=PENDING_RANK,
            status_reason=None,
            session_closed=False,
            stripe_session_id=None,
            checkout_former_session=record.stripe_session_id or record.checkout_former_session,
        )


def _over(record: Payment) -> bool:
    """Whether an event has ended the record's session without money."""
    return record.status_rank >= RULES[Fact.SESSION_EXPIRED].rank


def _refuse_another(record: Payment, asked: Payment) -> None:
    other = [name for name in FIXED if _folded(record, name) != _folded(asked, name)]
    if other:
        raise RefusalError(
            "payment_conflict",
            f"{record.payment_intent_id} is on record with another {', '.join(other)}; send the same values, "
            "or begin a new payment with another payment_intent_id or Idempotency-Key.",
            param=other[0],
        )


def _folded(record: Payment, name: str) -> object:
    value = getattr(record, name)
    return value.lower() if name == "currency" and value else value
