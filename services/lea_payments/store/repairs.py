"""Applies events that the webhook may have missed, if they change their payment."""

from datetime import UTC, datetime
from typing import Protocol

import stamina
from msgspec.structs import replace

from lea_payments.payment import transitions
from lea_payments.payment.event import CHANGES, Outcome, PaymentEvent
from lea_payments.payment.record import Payment, attempt_at, iso
from lea_payments.payment.rules import RULES
from lea_payments.store.errors import UnavailableError
from lea_payments.store.payments import Applied
from lea_payments.stripe.session_events import ListedSession

SECOND_ATTEMPT = 2
"""The first attempt that has an earlier session."""

_retry = stamina.AsyncRetryingCaller(
    attempts=5, timeout=None, wait_initial=0.2, wait_exp_base=2.2, wait_max=2.0, wait_jitter=0
).on(UnavailableError)
"""Retries four times while the table does not respond, after 0.2, 0.4, 1 and 2 s."""


class RepairStore(Protocol):
    """The methods of PaymentStore that repairs need. They raise UnavailableError."""

    async def apply(self, event: PaymentEvent) -> Applied:
        """Applies an event to its payment."""

    async def record_of(self, event: PaymentEvent) -> Payment | None:
        """The record that an event is about."""

    async def get(self, payment_id: str) -> Payment | None:
        """The payment with this id."""

    async def by_session(self, session_id: str) -> Payment | None:
        """The payment with this Checkout Session."""


class Sessions(Protocol):
    """Finds sessions at Stripe. Raises StripeCallError."""

    async def session_of_intent(self, intent_id: str) -> ListedSession | None:
        """The session that a PaymentIntent belongs to."""


class Repairs:
    """Applies events through the store, but only those that change their payment.

    An event without effect leaves no history entry, however often the same records are compared. Every method raises
    UnavailableError if the table does not respond after several tries.
    """

    def __init__(self, store: RepairStore, stripe: Sessions | None = None) -> None:
        self._store = store
        self._stripe = stripe
        self._sessions: dict[str, ListedSession | None] = {}
        self._simulated: dict[str, Payment] = {}

    def remember(self, session: ListedSession) -> None:
        """Stores a session, so that events about its PaymentIntent need no call to Stripe."""
        if session.intent_id is not None:
            self._sessions[session.intent_id] = session

    async def preview(self, event: PaymentEvent) -> Applied:
        """The result that the event would have now. Writes nothing."""
        record = await self._record_of(event)
        if record is None:
            return Applied(Outcome.UNMATCHED)
        if _is_of_earlier_attempt(record, event):
            return Applied(Outcome.STALE, record, record)
        change = transitions.change_for(record, event)
        after = transitions.apply_change(record, event, change, iso(datetime.now(UTC)))
        return Applied(change.outcome, record, after)

    async def simulate(self, event: PaymentEvent) -> Applied:
        """The result that the event would have after all events simulated before. Writes nothing."""
        preview = await self.preview(event)
        if preview.after is not None and preview.outcome in CHANGES:
            self._simulated[preview.after.payment_intent_id] = preview.after
        return preview

    async def repair(self, event: PaymentEvent) -> Applied:
        """Applies the event if it changes its payment."""
        preview = await self.preview(event)
        if preview.before is None or preview.outcome not in CHANGES:
            return preview
        return await _retry(self._store.apply, replace(event, payment_id=preview.before.payment_intent_id))

    async def _record_of(self, event: PaymentEvent) -> Payment | None:
        record = await self._find(event)
        return record and self._simulated.get(record.payment_intent_id, record)

    async def _find(self, event: PaymentEvent) -> Payment | None:
        record = await _retry(self._store.record_of, event)
        intent_id = event.stripe_payment_intent
        if record is not None or event.payment_id or event.session_id or intent_id is None:
            return record
        # Stripe does not copy a session's metadata to refunds and disputes: only the session leads to the payment.
        session = await self._session_of(intent_id)
        if session is None:
            return None
        if session.payment_id:
            return await _retry(self._store.get, session.payment_id)
        return await _retry(self._store.by_session, session.id)

    async def _session_of(self, intent_id: str) -> ListedSession | None:
        if intent_id not in self._sessions and self._stripe is not None:
            self._sessions[intent_id] = await self._stripe.session_of_intent(intent_id)
        return self._sessions.get(intent_id)


def _is_of_earlier_attempt(record: Payment, event: PaymentEvent) -> bool:
    """Whether the event is about an earlier session than the one that checkout is about to store.

    Only an event from before that attempt began counts as earlier, so the order of two events does not matter.
    """
    rule = RULES.get(event.fact)
    if rule is None or not rule.current_session_only:
        return False
    if record.stripe_session_id is not None or record.checkout_attempt < SECOND_ATTEMPT:
        return False
    return event.created < int(attempt_at(record).timestamp())
