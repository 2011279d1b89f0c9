"""Applying what Stripe says where the record differs: looks first, and writes only what changes a payment.

The write is the webhook's own (`PaymentStore.apply`); news that changes nothing leaves no line in the history, however
often it is looked at.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from msgspec.structs import replace

from lea_payments.payment import transitions
from lea_payments.payment.event import CHANGES, Outcome, PaymentEvent
from lea_payments.payment.record import Payment, attempt_at, iso
from lea_payments.payment.rules import RULES
from lea_payments.store.errors import UnavailableError
from lea_payments.store.payments import Applied, PaymentStore
from lea_payments.stripe.session_events import ListedSession

PAUSES = (0.2, 0.5, 1.0, 2.0)
"""Seconds to wait before each further try while the table does not answer."""

SECOND = 2
"""The first attempt for which there may be an earlier session."""

ResultT = TypeVar("ResultT")


class Sessions(Protocol):
    """What is needed of Stripe; it raises StripeCallError."""

    async def session_of_intent(self, intent_id: str) -> ListedSession | None:
        """The session that a PaymentIntent belongs to."""


class Repairs:
    """What becomes of events that a webhook may have missed; raises UnavailableError when the table stays silent."""

    def __init__(self, store: PaymentStore, stripe: Sessions | None = None) -> None:
        self._store = store
        self._stripe = stripe
        self._sessions: dict[str, ListedSession | None] = {}
        self._pretended: dict[str, Payment] = {}

    def know(self, session: ListedSession) -> None:
        """Remembers a session, so that its PaymentIntent's news need not ask Stripe for it."""
        if session.intent_id is not None:
            self._sessions[session.intent_id] = session

    async def look(self, event: PaymentEvent) -> Applied:
        """What the event would do now; writes nothing."""
        record = await self._record_of(event)
        if record is None:
            return Applied(Outcome.UNMATCHED)
        if _of_an_earlier_attempt(record, event):
            return Applied(Outcome.STALE, record, record)
        change = transitions.change_for(record, event)
        return Applied(change.outcome, record, transitions.changed(record, event, change, iso(datetime.now(UTC))))

    async def pretend(self, event: PaymentEvent) -> Applied:
        """What the event would do after all that was pretended before; writes nothing."""
        looked = await self.look(event)
        if looked.after is not None and looked.outcome in CHANGES:
            self._pretended[looked.after.payment_intent_id] = looked.after
        return looked

    async def settle(self, event: PaymentEvent) -> Applied:
        """Applies the event if it changes its payment."""
        looked = await self.look(event)
        if looked.before is None or looked.outcome not in CHANGES:
            return looked
        known = replace(event, payment_id=looked.before.payment_intent_id)
        return await _patiently(lambda: self._store.apply(known))

    async def _record_of(self, event: PaymentEvent) -> Payment | None:
        record = await self._found(event)
        return record and self._pretended.get(record.payment_intent_id, record)

    async def _found(self, event: PaymentEvent) -> Payment | None:
        record = await _patiently(lambda: self._store.record_of(event))
        intent_id = event.stripe_payment_intent
        if record is not None or event.payment_id or event.session_id or intent_id is None:
            return record
        session = await self._session_of(intent_id)
        if session is None:
            return None
        ours = session.payment_id
        return await _patiently(lambda: self._store.get(ours) if ours else self._store.by_session(session.id))

    async def _session_of(self, intent_id: str) -> ListedSession | None:
        """The session behind news that carry nothing of ours: Stripe does not copy a session's metadata to them."""
        if intent_id not in self._sessions and self._stripe is not None:
            self._sessions[intent_id] = await self._stripe.session_of_intent(intent_id)
        return self._sessions.get(intent_id)


def _of_an_earlier_attempt(record: Payment, event: PaymentEvent) -> bool:
    """Whether the news is of a session before the one that checkout is making just now, which has no id yet.

    Only what Stripe wrote down before that attempt began is meant, so the order of two events is not asked for.
    """
    rule = RULES.get(event.fact)
    if rule is None or not rule.bound or record.stripe_session_id is not None or record.checkout_attempt < SECOND:
        return False
    return event.created < int(attempt_at(record).timestamp())


async def _patiently(call: Callable[[], Awaitable[ResultT]]) -> ResultT:
    for pause in PAUSES:
        try:
            return await call()
        except UnavailableError:
            await asyncio.sleep(pause)
    return await call()
