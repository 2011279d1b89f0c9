"""Lists events and objects from Stripe's API and translates them; only reads."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import msgspec

from lea_payments.payment.event import PaymentEvent
from lea_payments.settings import StripeSettings
from lea_payments.stripe import events, facts
from lea_payments.stripe.errors import InvalidPayloadError, StripeMissingError
from lea_payments.stripe.events import EVENT_TYPES, Ignored
from lea_payments.stripe.facts import FACT_OF
from lea_payments.stripe.reader import StripeReader
from lea_payments.stripe.translation.object_fact import NoFact, ObjectFact

OnUnreadable = Callable[[str, str], None]
"""Called with the kind (`event` or the object's type) and the reason for each object that cannot be read."""

FactOf = Callable[[msgspec.Raw], ObjectFact | NoFact]

PATHS: Mapping[str, str] = {
    facts.SESSION: "/v1/checkout/sessions",
    facts.REFUND: "/v1/refunds",
    facts.DISPUTE: "/v1/disputes",
    facts.WARNING: "/v1/radar/early_fraud_warnings",
}
"""The paths of the objects that are listed."""

EVENTS_PATH = "/v1/events"


class _Livemode(msgspec.Struct):
    livemode: bool | None = None


_decode_livemode = msgspec.json.Decoder(_Livemode).decode


def object_path(list_path: str, object_id: str) -> str:
    """The path of one object of a list. The id can come from a record, so it can contain anything."""
    return f"{list_path}/{quote(object_id, safe='', errors='replace')}"


class StripeLists:
    """Stripe's lists of events and objects. Every method raises StripeCallError."""

    def __init__(self, settings: StripeSettings, reader: StripeReader, on_unreadable: OnUnreadable) -> None:
        self._livemode, self._account = settings.livemode, settings.account
        self._reader = reader
        self._on_unreadable = on_unreadable

    async def events(
        self, since: int, until: int | None = None, types: Sequence[str] = (), *, undelivered: bool = False
    ) -> AsyncIterator[Sequence[PaymentEvent | Ignored]]:
        """Yields the events that the services use, newest first, page by page; the times are in seconds since 1970."""
        params: dict[str, object] = {"types": list(types or EVENT_TYPES), "created": _between(since, until)}
        if undelivered:
            params["delivery_success"] = "false"
        async for page in self._reader.pages(EVENTS_PATH, **params):
            yield [event for event in map(self._event, page) if event is not None]

    async def objects(
        self, object_type: str, since: int, until: int | None = None
    ) -> AsyncIterator[Sequence[PaymentEvent]]:
        """Yields the facts about the objects that were created in this time, newest first, page by page."""
        params: dict[str, Any] = {"created": _between(since, until)}
        async for page in self._pages(object_type, params):
            yield page

    async def open_sessions(self, since: int) -> AsyncIterator[Sequence[PaymentEvent]]:
        """Yields the sessions that were created since then and can be paid now, newest first, page by page."""
        async for page in self._reader.pages(PATHS[facts.SESSION], created=_between(since, None), status="open"):
            yield [event for raw in page for event in self._facts(facts.SESSION, raw, facts.open_session_fact)]

    async def objects_of_intent(self, object_type: str, intent_id: str) -> Sequence[PaymentEvent]:
        """The facts about all objects of this type that belong to a PaymentIntent."""
        pages = [page async for page in self._pages(object_type, {"payment_intent": intent_id})]
        return [event for page in pages for event in page]

    async def session(self, session_id: str) -> Sequence[PaymentEvent]:
        """The facts about a session and its PaymentIntent; empty if Stripe does not have the session."""
        try:
            body = await self._reader.get(object_path(PATHS[facts.SESSION], session_id), expand=["payment_intent"])
        except StripeMissingError:
            return []
        return self.facts_of(facts.SESSION, msgspec.Raw(body))

    def facts_of(self, object_type: str, raw: msgspec.Raw) -> Sequence[PaymentEvent]:
        """The facts about an object of Stripe's: for a session also the one about its expanded PaymentIntent."""
        return list(self._facts(object_type, raw))

    async def _pages(self, object_type: str, params: dict[str, Any]) -> AsyncIterator[Sequence[PaymentEvent]]:
        if object_type == facts.SESSION:
            params = {**params, "expand": ["data.payment_intent"]}
        async for page in self._reader.pages(PATHS[object_type], **params):
            yield [event for raw in page for event in self._facts(object_type, raw)]

    def _event(self, raw: msgspec.Raw) -> PaymentEvent | Ignored | None:
        try:
            return events.translate(bytes(raw), livemode=self._livemode, account=self._account)
        except InvalidPayloadError as error:
            self._on_unreadable("event", str(error))
            return None

    def _facts(self, object_type: str, raw: msgspec.Raw, fact_of: FactOf | None = None) -> Iterator[PaymentEvent]:
        try:
            if _decode_livemode(raw).livemode not in (None, self._livemode):
                return
            results = [(object_type, (fact_of or FACT_OF[object_type])(raw))]
            if object_type == facts.SESSION and fact_of is None:
                results.append((facts.INTENT, facts.expanded_intent_fact(raw)))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            self._on_unreadable(object_type, type(error).__name__)
            return
        for kind, found in results:
            if isinstance(found, ObjectFact):
                yield _listed(kind, found)


def _listed(object_type: str, found: ObjectFact) -> PaymentEvent:
    """A fact from a list. Its id names the object and its state, so that a history shows where it came from."""
    return events.payment_event(f"{found.object_id}:{found.fact.state}", object_type, found.created or 0, found)


def _between(since: int, until: int | None) -> dict[str, int]:
    return {"gte": since} if until is None else {"gte": since, "lte": until}
