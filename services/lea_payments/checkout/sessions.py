"""Finds the open Checkout Session of a payment, or creates one."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from msgspec.structs import replace

from lea_payments.checkout.errors import InFlightError, KeySpentError, RefusalError, UnusableSessionError
from lea_payments.payment.record import Payment, attempt_at, iso
from lea_payments.payment.situations import CanPay, Situation
from lea_payments.payment.status import status_of
from lea_payments.store.errors import ConflictError
from lea_payments.stripe.checkout_sessions import ATTEMPT_LIFE, COMPLETE, EXPIRED, OPEN, CheckoutSession

RETRY_PAUSES = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.0)
"""Seconds to wait before each try: another call or an event can change the record at the same time."""

FIXED_FIELDS = ("user_id", "quote_id", "amount", "currency")
"""The fields that a repeated call must send unchanged. The product's name and the language can differ: what is stored
stays, but a new link has the language of the call that creates it, if it names one."""

_COMPLETED = (
    "already_completed",
    "This payment is completed; to start another one, send another payment_intent_id or Idempotency-Key.",
)
NOT_PAYABLE: Mapping[Situation, tuple[str, str]] = {
    Situation.AWAITING_FUNDS: (
        "awaiting_funds",
        "The customer has paid by a method that takes days; wait until the payment is completed or failed.",
    ),
    Situation.MISMATCH: (
        "in_review",
        "The money paid differs from the money requested; read status_reason and settle it in Stripe's dashboard.",
    ),
    Situation.CANCELED: (
        "payment_canceled",
        "This payment is canceled; to start another one, send another payment_intent_id or Idempotency-Key.",
    ),
    Situation.PAID: _COMPLETED,
    Situation.PAID_TWICE: _COMPLETED,
}
"""The code and the message of the refusal in each situation in which the customer cannot pay."""

AWAITING_CONFIRMATION = (
    "awaiting_confirmation",
    "The customer has paid; Stripe's confirmation has not arrived yet. Read the payment again in a moment.",
)


class RecordStore(Protocol):
    """The operations on payment records that opening a session needs."""

    async def create(self, payment: Payment, /) -> Payment:
        """Stores a new record and returns it; returns the existing record if there is one with this id."""

    async def get(self, payment_id: str, /) -> Payment | None:
        """The record with this id, or None."""

    async def change_checkout(self, record: Payment, **fields: object) -> Payment:
        """Changes checkout fields of a record; raises ConflictError if the record has changed since it was read."""


class StripeSessions(Protocol):
    """The Checkout Sessions at Stripe. Every method raises RefusalError."""

    async def create(self, record: Payment, /) -> CheckoutSession:
        """Creates the session of the record's current attempt, or finds the one of an earlier call as it is now."""

    async def find(self, session_id: str, /) -> CheckoutSession | None:
        """The session as it is now, or None if it does not exist."""

    async def expire(self, session_id: str, /) -> CheckoutSession | None:
        """Expires the session if it is open. The session as it is now, or None if it does not exist."""


class NotStoredError(ConflictError):
    """Raised when the record has changed while Stripe created a session."""

    def __init__(self, session: CheckoutSession) -> None:
        super().__init__(f"{session.id} is not stored: its payment has changed")
        self.session = session


@dataclass(frozen=True, slots=True)
class OpenCheckout:
    """A payment and the open session where it can be paid; `reused` if an earlier call created the session."""

    payment: Payment
    session: CheckoutSession
    reused: bool


class CheckoutSessions:
    """Finds or creates open sessions. Safe with concurrent calls, in this process and in others."""

    def __init__(
        self, store: RecordStore, stripe: StripeSessions, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._store = store
        self._stripe = stripe
        self._now = now

    async def open_for(self, payment: Payment) -> OpenCheckout:
        """Stores the payment, and finds or creates its open session. Raises RefusalError and UnavailableError.

        The record is written before Stripe is called, so that no event can arrive for an unknown payment.
        """
        new = replace(payment, checkout_attempt=1, checkout_attempt_at=iso(self._now()))
        created: CheckoutSession | None = None
        for pause in RETRY_PAUSES:
            await asyncio.sleep(pause)
            record = await self._store.create(new)
            try:
                return await self._open(record, payment)
            except NotStoredError as error:
                created = error.session
            except (ConflictError, InFlightError):
                continue
            except RefusalError:
                if created is not None and status_of(record).can_pay is CanPay.NO:
                    # The payment was paid or canceled meanwhile, and nobody has the new link yet.
                    await self._stripe.expire(created.id)
                raise
        raise RefusalError("try_again", "Other calls for this payment are in progress; repeat the call.", retry_after=1)

    async def _open(self, record: Payment, payment: Payment) -> OpenCheckout:
        check_same_payment(record, payment)
        check_payable(record)
        session = await self._current_session(record)
        if session is not None and session.status == OPEN:
            return OpenCheckout(record, session, reused=True)
        _check_not_complete(session)
        if not can_continue_attempt(record, self._now()):
            record = await self._start_attempt(record, payment)
        return await self._create_session(record, payment)

    async def _current_session(self, record: Payment) -> CheckoutSession | None:
        """The record's session, unless there is none or an event has reported its end."""
        if record.stripe_session_id is None or _session_ended(record):
            return None
        return await self._stripe.find(record.stripe_session_id)

    async def _create_session(self, record: Payment, payment: Payment) -> OpenCheckout:
        session: CheckoutSession | None = None
        with suppress(KeySpentError):
            session = await self._create_at_stripe(record, payment)
        if session is None or session.status == EXPIRED:
            # It can have been expired by a cancellation that did not finish.
            record = await self._start_attempt(record, payment)
            session = await self._create_at_stripe(record, payment)
        _check_not_complete(session)
        try:
            record = await self._store.change_checkout(record, stripe_session_id=session.id, checkout_link=session.url)
        except ConflictError:
            raise NotStoredError(session) from None
        return OpenCheckout(record, session, reused=False)

    async def _create_at_stripe(self, record: Payment, payment: Payment) -> CheckoutSession:
        try:
            return await self._stripe.create(record)
        except UnusableSessionError:
            # Stripe repeats its response to this attempt's key, so the next call must not send the key again.
            await self._start_attempt(record, payment)
            raise

    async def _start_attempt(self, record: Payment, payment: Payment) -> Payment:
        """Starts the next attempt: the record is pending again. Raises ConflictError if an event comes first."""
        return await self._store.change_checkout(
            record,
            checkout_attempt=record.checkout_attempt + 1,
            checkout_attempt_at=iso(self._now()),
            checkout_locale=payment.checkout_locale or record.checkout_locale,
            checkout_link=None,
            return_url=payment.return_url or record.return_url,
            product_name=record.product_name or payment.product_name,
            traceparent=record.traceparent or payment.traceparent,
            stripe_session_id=None,
            other_session_id=record.stripe_session_id or record.other_session_id,
        )


def can_continue_attempt(record: Payment, now: datetime) -> bool:
    """Whether the attempt has no known session, and is recent enough for Stripe to create one with its key."""
    has_no_session = record.checkout_attempt > 0 and record.stripe_session_id is None
    return has_no_session and not _session_ended(record) and now < attempt_at(record) + ATTEMPT_LIFE


def _session_ended(record: Payment) -> bool:
    """Whether an event has reported that the current attempt's session ended without payment."""
    return status_of(record).can_pay is CanPay.WITH_NEW_LINK


def _check_not_complete(session: CheckoutSession | None) -> None:
    if session is not None and session.status == COMPLETE:
        raise RefusalError(*AWAITING_CONFIRMATION)


def check_payable(record: Payment) -> None:
    """Raises RefusalError if the customer cannot pay the payment, also not with a new link."""
    derived = status_of(record)
    if derived.can_pay is CanPay.NO:
        raise RefusalError(*NOT_PAYABLE[derived.situation])


def different_fields(record: Payment, payment: Payment) -> Sequence[str]:
    """The fields by which these are not the same payment."""
    return [name for name in FIXED_FIELDS if _comparable(record, name) != _comparable(payment, name)]


def check_same_payment(record: Payment, payment: Payment) -> None:
    """Raises RefusalError if the record is that of another payment."""
    different = different_fields(record, payment)
    if different:
        raise RefusalError(
            "payment_conflict",
            f"{record.payment_intent_id} is stored with another {', '.join(different)}; send the same values, "
            "or start a new payment with another payment_intent_id or Idempotency-Key.",
            param=different[0],
        )


def _comparable(payment: Payment, name: str) -> object:
    """A field's value for the comparison: currencies are equal in any letter case."""
    value = getattr(payment, name)
    return value.lower() if name == "currency" and value else value
