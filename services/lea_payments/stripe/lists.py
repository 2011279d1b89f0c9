"""What Stripe keeps of payments: its events, its Checkout Sessions; read only, and translated into our words."""

from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple

import msgspec

from lea_payments.log import log
from lea_payments.payment.event import PaymentEvent
from lea_payments.settings import StripeSettings
from lea_payments.stripe import events as stripe_events
from lea_payments.stripe import session_events as sweep
from lea_payments.stripe.errors import InvalidPayloadError
from lea_payments.stripe.events import TRANSLATORS
from lea_payments.stripe.reader import StripeCalls
from lea_payments.stripe.session_events import SweptSession


class Swept(NamedTuple):
    """A session, and what it has to tell of its payment, if anything."""

    session: SweptSession
    event: PaymentEvent | None


class StripeRecords:
    """Stripe's own records. Every method raises StripeCallError."""

    def __init__(self, settings: StripeSettings, calls: StripeCalls) -> None:
        self._livemode = settings.livemode
        self._calls = calls

    async def events(
        self, since: int, until: int | None = None, types: Sequence[str] = (), *, undelivered: bool = False
    ) -> AsyncIterator[Sequence[PaymentEvent]]:
        """The events that we use, newest first, a page at a time; the times are in seconds since 1970."""
        params: dict[str, object] = {"types": list(types or TRANSLATORS), "created": _between(since, until)}
        if undelivered:
            params["delivery_success"] = "false"
        async for page in self._calls.pages("/v1/events", **params):
            yield [event for event in map(self._event, page) if event is not None]

    async def sessions(self, since: int, until: int | None = None) -> AsyncIterator[Sequence[Swept]]:
        """All sessions made between two seconds since 1970, newest first, a page at a time."""
        params = {"created": _between(since, until), "expand": ["data.payment_intent"]}
        async for page in self._calls.pages("/v1/checkout/sessions", **params):
            yield [swept for swept in map(self._swept, page) if swept is not None]

    async def session_of_intent(self, intent_id: str) -> SweptSession | None:
        """The session that a PaymentIntent belongs to; None if it was made without one."""
        async for page in self._calls.pages("/v1/checkout/sessions", payment_intent=intent_id):
            for swept in map(self._swept, page):
                if swept is not None:
                    return swept.session
        return None

    def _event(self, raw: msgspec.Raw) -> PaymentEvent | None:
        try:
            event = stripe_events.translate(bytes(raw), livemode=self._livemode)
        except InvalidPayloadError as unreadable:
            log.warning("unreadable event", reason=str(unreadable))
            return None
        return event if isinstance(event, PaymentEvent) else None

    def _swept(self, raw: msgspec.Raw) -> Swept | None:
        try:
            session = sweep.session_of(raw)
            event = sweep.event_of(raw, session, livemode=self._livemode)
        except InvalidPayloadError as unreadable:
            log.warning("unreadable session", reason=str(unreadable))
            return None
        return Swept(session, event if isinstance(event, PaymentEvent) else None)


def _between(since: int, until: int | None) -> dict[str, int]:
    return {"gte": since} if until is None else {"gte": since, "lte": until}
