"""Cancels a payment: expires its sessions at Stripe, and then marks its record."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime

from lea_payments.checkout.errors import (
    InFlightError,
    KeySpentError,
    RefusalError,
    RejectedError,
    UnusableSessionError,
)
from lea_payments.checkout.sessions import (
    AWAITING_CONFIRMATION,
    RETRY_PAUSES,
    RecordStore,
    StripeSessions,
    can_continue_attempt,
)
from lea_payments.payment import facts
from lea_payments.payment.facts import Kind
from lea_payments.payment.record import Payment, iso
from lea_payments.payment.situations import Situation
from lea_payments.payment.status import status_of
from lea_payments.store.errors import ConflictError
from lea_payments.stripe.checkout_sessions import COMPLETE, CheckoutSession
from lea_payments.telemetry import events

_COMPLETED = ("already_completed", "The payment is completed and cannot be canceled; refund it in Stripe's dashboard.")
NOT_CANCELABLE: Mapping[Situation, tuple[str, str]] = {
    Situation.PAID_TWICE: _COMPLETED,
    Situation.PAID: _COMPLETED,
    Situation.MISMATCH: (
        "in_review",
        "The customer has paid, but not what was requested; read status_reason and settle it in Stripe's dashboard.",
    ),
    Situation.AWAITING_FUNDS: (
        "awaiting_funds",
        "The customer has paid by a method that takes days; wait until the payment is completed or failed.",
    ),
}
"""The code and the message of the refusal in each situation in which money has arrived or is on its way."""

NO_SESSION = (KeySpentError, UnusableSessionError, RejectedError)
"""Stripe has created nothing for the attempt, or something of which nobody has got the link."""


class Cancellations:
    """Cancels payments. Safe with concurrent calls and events: a payment that comes first wins."""

    def __init__(
        self, store: RecordStore, stripe: StripeSessions, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._store = store
        self._stripe = stripe
        self._now = now

    async def cancel(self, payment_id: str, superseded_by: str | None = None) -> Payment:
        """Cancels the payment, so that no link of it can be paid. Raises RefusalError and UnavailableError.

        Nothing in the record changes before all sessions are closed. So a call that fails can be repeated.
        """
        for pause in RETRY_PAUSES:
            await asyncio.sleep(pause)
            record = await self.cancelable(payment_id)
            try:
                if status_of(record).situation is Situation.CANCELED:
                    # A pod of version 0.1.0 does not know the mark: during an update it can have made a new link.
                    await self._close_all(record, _possibly_open(record))
                    return record
                canceled = await self._cancel(record)
            except (ConflictError, InFlightError):
                continue
            events.payment_canceled(record, canceled, superseded_by)
            return canceled
        raise RefusalError("try_again", "Other calls for this payment are in progress; repeat the call.", retry_after=1)

    async def cancelable(self, payment_id: str) -> Payment:
        """The payment, if it exists and no money for it has arrived or is on its way. Raises RefusalError."""
        record = await self._store.get(payment_id)
        if record is None:
            message = "There is no payment with this id; search with GET /payments?quote_id= or ?user_id=."
            raise RefusalError("payment_not_found", message, param="payment_intent_id")
        situation = status_of(record).situation
        if situation in NOT_CANCELABLE:
            raise RefusalError(*NOT_CANCELABLE[situation])
        return record

    async def _cancel(self, record: Payment) -> Payment:
        fields = {}
        if can_continue_attempt(record, self._now()):
            # A call that creates the session of this attempt can be in flight, or its response was lost.
            session = await self._session_of_attempt(record)
            if session is not None:
                fields["stripe_session_id"] = session.id
        await self._close_all(record, _possibly_open(record).union(fields.values()))
        # The mark is conditional on the version: no session was stored and no attempt was started in the meantime.
        return await self._store.change_checkout(record, canceled_at=iso(self._now()), **fields)

    async def _session_of_attempt(self, record: Payment) -> CheckoutSession | None:
        """The session that has the attempt's idempotency key. Whoever creates it later gets the same one."""
        with suppress(*NO_SESSION):
            return await self._stripe.create(record)
        return None

    async def _close_all(self, record: Payment, session_ids: Iterable[str]) -> None:
        for session_id in sorted(session_ids):
            await self._close(record, session_id)

    async def _close(self, record: Payment, session_id: str) -> None:
        """Expires the session. Raises RefusalError if the customer has completed it."""
        session = await self._stripe.expire(session_id)
        if session is None or session.status != COMPLETE or _state(record, session_id) == facts.FAILED:
            return
        await self.cancelable(record.payment_intent_id)  # its event can have arrived, which says more
        raise RefusalError(*AWAITING_CONFIRMATION)


def _possibly_open(record: Payment) -> set[str]:
    """The ids of the sessions that the record knows and of which Stripe has not reported the end."""
    known = {record.stripe_session_id, record.other_session_id}
    known.update(object_id for object_id, fact in record.facts.items() if fact.kind == Kind.SESSION)
    return {session_id for session_id in known if session_id and session_id.startswith("cs_")} - _ended(record)


def _ended(record: Payment) -> set[str]:
    # A fact without a currency follows from a status that a person has written: its session can be open.
    return {
        object_id
        for object_id, fact in record.facts.items()
        if fact.state in (facts.EXPIRED, facts.FAILED) and fact.currency is not None
    }


def _state(record: Payment, session_id: str) -> str | None:
    fact = record.facts.get(session_id)
    return fact.state if fact else None
