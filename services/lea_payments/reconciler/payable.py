"""Finds the sessions of canceled payments that a customer can still pay."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple, Protocol

from lea_payments.payment.event import PaymentEvent
from lea_payments.payment.record import Payment, parsed_time

SESSION_HOURS = 25
"""A session expires after at most 24 hours; one more allows for clock skew."""

GRACE_SECONDS = 60.0
"""A payment that was canceled later, by its pod's clock, can have had an open session when the list was read."""


class OpenSessions(Protocol):
    """Lists the sessions that can be paid. Raises StripeCallError."""

    def open_sessions(self, since: int) -> AsyncIterator[Sequence[PaymentEvent]]:
        """Yields the sessions that were created since then, page by page."""


class Records(Protocol):
    """Finds the record of a session. Raises UnavailableError."""

    async def record_of(self, event: PaymentEvent) -> Payment | None:
        """The record that an event is about."""


class PayableSession(NamedTuple):
    """An open session of a canceled payment."""

    payment_id: str
    session_id: str


async def payable_sessions(stripe: OpenSessions, records: Records, now: float) -> Sequence[PayableSession]:
    """The open sessions of payments that were canceled before `now`, in seconds since 1970."""
    found: list[PayableSession] = []
    async for page in stripe.open_sessions(int(now) - SESSION_HOURS * 3600):
        owners = await asyncio.gather(*map(records.record_of, page))
        found += [
            PayableSession(record.payment_intent_id, session.object_id)
            for session, record in zip(page, owners, strict=True)
            if record is not None and _was_canceled_before(record, now - GRACE_SECONDS)
        ]
    return found


def _was_canceled_before(record: Payment, time: float) -> bool:
    """Whether the mark is older than this time; one that is not a time was written by a person."""
    canceled_at = parsed_time(record.canceled_at)
    return record.canceled_at is not None and (canceled_at is None or canceled_at.timestamp() < time)
