"""Lists events and Checkout Sessions from Stripe's API and translates them; only reads."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import NamedTuple

import msgspec

from lea_payments.payment.event import PaymentEvent
from lea_payments.settings import StripeSettings
from lea_payments.stripe import events, session_events
from lea_payments.stripe.errors import InvalidPayloadError
from lea_payments.stripe.events import TRANSLATORS
from lea_payments.stripe.reader import StripeReader
from lea_payments.stripe.session_events import ListedSession

OnUnreadable = Callable[[str, str], None]
"""Called with the kind (`event` or `session`) and the reason for each object that cannot be read."""


class SessionWithEvent(NamedTuple):
    """A listed session and the event that describes its current state, if there is one."""

    session: ListedSession
    event: PaymentEvent | None


class StripeLists:
    """Stripe's lists of events and Checkout Sessions. Every method raises StripeCallError."""

    def __init__(self, settings: StripeSettings, reader: StripeReader, on_unreadable: OnUnreadable) -> None:
        self._livemode, self._account = settings.livemode, settings.account
        self._reader = reader
        self._on_unreadable = on_unreadable

    async def events(
        self, since: int, until: int | None = None, types: Sequence[str] = (), *, undelivered: bool = False
    ) -> AsyncIterator[Sequence[PaymentEvent]]:
        """Yields the events that the services use, newest first, page by page; the times are in seconds since 1970."""
        params: dict[str, object] = {"types": list(types or TRANSLATORS), "created": _between(since, until)}
        if undelivered:
            params["delivery_success"] = "false"
        async for page in self._reader.pages("/v1/events", **params):
            yield [event for event in map(self._event, page) if event is not None]

    async def sessions(self, since: int, until: int | None = None) -> AsyncIterator[Sequence[SessionWithEvent]]:
        """Yields the sessions that were created in this time, newest first, page by page."""
        params = {"created": _between(since, until), "expand": ["data.payment_intent"]}
        async for page in self._reader.pages("/v1/checkout/sessions", **params):
            yield [listed for listed in map(self._session, page) if listed is not None]

    async def session_of_intent(self, intent_id: str) -> ListedSession | None:
        """The session of a PaymentIntent; None if the PaymentIntent was created without one."""
        async for page in self._reader.pages("/v1/checkout/sessions", payment_intent=intent_id):
            for listed in map(self._session, page):
                if listed is not None:
                    return listed.session
        return None

    def _event(self, raw: msgspec.Raw) -> PaymentEvent | None:
        try:
            event = events.translate(bytes(raw), livemode=self._livemode, account=self._account)
        except InvalidPayloadError as error:
            self._on_unreadable("event", str(error))
            return None
        return event if isinstance(event, PaymentEvent) else None

    def _session(self, raw: msgspec.Raw) -> SessionWithEvent | None:
        try:
            session = session_events.session_of(raw)
            event = session_events.event_of(raw, session, livemode=self._livemode)
        except InvalidPayloadError as error:
            self._on_unreadable("session", str(error))
            return None
        return SessionWithEvent(session, event if isinstance(event, PaymentEvent) else None)


def _between(since: int, until: int | None) -> dict[str, int]:
    return {"gte": since} if until is None else {"gte": since, "lte": until}
