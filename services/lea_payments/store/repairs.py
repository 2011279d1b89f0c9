"""Applies facts that the webhook may have missed, if they change their payment."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol

import stamina
from msgspec.structs import replace

from lea_payments.payment import changes
from lea_payments.payment.changes import Applied
from lea_payments.payment.event import CHANGES, PaymentEvent
from lea_payments.payment.facts import APPEAL_LOST, LOST, is_detail, is_lost_again
from lea_payments.payment.record import Payment, iso
from lea_payments.store.errors import UnavailableError
from lea_payments.stripe import facts

OBJECTS_HOURS = 26
"""The age up to which the reconciler reads objects from Stripe's lists.

A session expires after at most 24 hours (docs.stripe.com/api/checkout/sessions); 2 more allow for clock skew.
"""

EVENTS_HOURS = 72
"""How long Stripe itself retries a delivery (docs.stripe.com/webhooks); `replay` is for older events."""

WAITING_DAYS = 14
"""How long the reconciler reads the session of a delayed payment: Stripe's delayed methods settle within this time."""

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


class Sessions(Protocol):
    """Finds sessions at Stripe. Raises StripeCallError."""

    async def objects_of_intent(self, object_type: str, intent_id: str) -> Sequence[PaymentEvent]:
        """The facts about all objects of this type that belong to a PaymentIntent."""


class Repairs:
    """Applies facts through the store, but only those that change their payment.

    A fact without effect leaves no history entry, however often the same records are compared. Every method raises
    UnavailableError if the table does not respond after several tries.
    """

    def __init__(self, store: RepairStore, stripe: Sessions | None = None, payment_id: str | None = None) -> None:
        """Without `stripe`, sessions are not looked up. With a `payment_id`, all other payments count as unmatched."""
        self._store = store
        self._stripe = stripe
        self._payment_id = payment_id
        self._sessions: dict[str, Sequence[PaymentEvent]] = {}
        self._payments: dict[str, str] = {}
        self._simulated: dict[str, Payment] = {}

    def remember(self, session: PaymentEvent) -> None:
        """Stores the references of a session, so that its PaymentIntent leads to the payment without a call."""
        for intent_id in session.intent_ids:
            self._sessions[intent_id] = (session,)

    async def preview(self, event: PaymentEvent) -> Applied:
        """The result that the event would have now. Writes nothing."""
        return (await self._preview(event))[1]

    async def _preview(self, event: PaymentEvent) -> tuple[PaymentEvent, Applied]:
        """The event that holds, and its result."""
        record = await self._record_of(event)
        if record is None:
            return event, changes.without_record(event)
        event = await self._with_current_dispute(record, event)
        return event, changes.apply(record, event, iso(datetime.now(UTC)))

    async def simulate(self, event: PaymentEvent) -> Applied:
        """The result that the event would have after all events simulated before. Writes nothing."""
        preview = await self.preview(event)
        if preview.after is not None and preview.outcome in CHANGES:
            self._simulated[preview.after.payment_intent_id] = preview.after
        return preview

    async def repair(self, event: PaymentEvent) -> Applied:
        """Applies the event if it changes its payment."""
        event, preview = await self._preview(event)
        if preview.before is None or preview.outcome not in CHANGES:
            return preview
        return await _retry(self._store.apply, replace(event, payment_ids=(preview.before.payment_intent_id,)))

    async def _with_current_dispute(self, record: Payment, event: PaymentEvent) -> PaymentEvent:
        """The event or, if it reports a dispute as lost that went further, the fact about the dispute as it is now.

        Stripe is asked after the record was read, so its answer is newer than everything that the record knows.
        """
        if self._stripe is None or not is_lost_again(record.facts.get(event.object_id), event.fact):
            return event
        for intent_id in event.intent_ids:
            for dispute in await self._stripe.objects_of_intent(facts.DISPUTE, intent_id):
                if dispute.object_id == event.object_id and dispute.fact.state == LOST:
                    fact = replace(dispute.fact, state=APPEAL_LOST)
                    return replace(event, id=f"{event.object_id}:{APPEAL_LOST}", type=facts.DISPUTE, fact=fact)
        return event

    async def _record_of(self, event: PaymentEvent) -> Payment | None:
        record = await self._find(event)
        # A payment that exists ends the search, even if it is not the selected one.
        if record is None or self._payment_id not in (None, record.payment_intent_id):
            return None
        return self._simulated.get(record.payment_intent_id, record)

    async def _find(self, event: PaymentEvent) -> Payment | None:
        record = await _retry(self._store.record_of, event)
        if record is None and event.session_id is None:
            record = await self._find_by_session(event)
        if record is not None:
            # An index can lag behind the table, and does not know a second payer or a simulated write.
            self._payments.update(dict.fromkeys(event.intent_ids, record.payment_intent_id))
        return record

    async def _find_by_session(self, event: PaymentEvent) -> Payment | None:
        """Stripe does not copy a session's metadata to refunds and disputes: only the session leads to the payment."""
        for intent_id in event.intent_ids:
            for reference in await self._references_of(event, intent_id):
                record = await _retry(self._store.record_of, reference)
                if record is not None:
                    return record
        return None

    async def _references_of(self, event: PaymentEvent, intent_id: str) -> Sequence[PaymentEvent]:
        if intent_id in self._payments:
            return (replace(event, payment_ids=(self._payments[intent_id],)),)
        # A detail is not worth a call: most charges without a record belong to other systems.
        if intent_id not in self._sessions and self._stripe is not None and not is_detail(event.fact):
            self._sessions[intent_id] = await self._stripe.objects_of_intent(facts.SESSION, intent_id)
        return self._sessions.get(intent_id, ())
