"""Reads one payment's objects from Stripe and compares them with the record; only reads, and shows no personal data."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from lea_payments.commands.amounts import time_of
from lea_payments.commands.at_stripe import differences, fields, sessions, unread
from lea_payments.commands.at_stripe.observation import Observation
from lea_payments.commands.at_stripe.state import StripeState
from lea_payments.commands.showing.explain import needs_person
from lea_payments.payment.event import PaymentEvent
from lea_payments.payment.facts import Kind
from lea_payments.payment.record import Payment
from lea_payments.settings import StripeSettings
from lea_payments.stripe import facts
from lea_payments.stripe.errors import StripeMissingError, StripeRefusedError
from lea_payments.stripe.lists import EVENTS_PATH, PATHS, StripeLists, object_path
from lea_payments.stripe.reader import StripeReader

PREFIXES: Mapping[str, str] = {"cs_": facts.SESSION, "pi_": facts.INTENT, "ch_": facts.CHARGE, "py_": facts.CHARGE}
"""The types of the objects that are read by their ids."""

_PATHS = {**PATHS, facts.INTENT: "/v1/payment_intents", facts.CHARGE: "/v1/charges"}
_LISTED: Mapping[str, Kind] = {facts.REFUND: Kind.REFUND, facts.DISPUTE: Kind.DISPUTE, facts.WARNING: Kind.WARNING}


class StripeView:
    """Reads payments from Stripe. Every method raises StripeCallError."""

    def __init__(self, settings: StripeSettings, reader: StripeReader, now: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._reader = reader
        self._now = now

    async def state_of(self, record: Payment) -> StripeState:
        """Reads everything that Stripe has about a payment."""
        reading = _Reading(self._settings, self._reader)
        await reading.read(record)
        observation = reading.observation()
        return StripeState(
            objects=list(reading.shown.values()),
            undelivered=[
                {"id": event.id, "type": event.type, "created": time_of(event.created)} for event in reading.undelivered
            ],
            differences=differences.differences(record, observation, self._now()),
            notes=differences.notes(record, observation),
            not_compared=[*reading.problems, *unread.not_compared(record, observation)],
            after=differences.with_stripe(record, observation),
            needs_person=needs_person(record),
        )


class _Reading:
    """Collects the objects of one payment. What Stripe refuses to show is added to `problems`."""

    def __init__(self, settings: StripeSettings, reader: StripeReader) -> None:
        self._reader = reader
        self._lists = StripeLists(settings, reader, self._on_unreadable)
        self._events: dict[str, PaymentEvent] = {}
        self._missing: set[str] = set()
        self._listed: set[tuple[str, str]] = set()
        self._intent_ids: set[str] = set()
        self._recoverable: set[str] = set()
        self._read_intent_ids: set[str] = set()
        self.shown: dict[str, Mapping[str, Any]] = {}
        self.undelivered: list[PaymentEvent] = []
        self.problems: list[str] = []

    def observation(self) -> Observation:
        """Everything that was read."""
        # Stripe lists the newest event first.
        undelivered = {event.object_id: event.created for event in reversed(self.undelivered)}
        succeeded = {id_ for id_, shown in self.shown.items() if _is_succeeded_intent(shown)}
        events = list(self._events.values())
        is_open = {id_ for id_, shown in self.shown.items() if id_.startswith("cs_") and shown.get("status") == "open"}
        return Observation(events, self.shown, self._missing, self._listed, undelivered, succeeded, is_open)

    async def read(self, record: Payment) -> None:
        """Reads the sessions, then their PaymentIntents, and what belongs to each of these."""
        for session_id in sessions.known_ids(record, "cs_"):
            await self._read_object(session_id)
        await self._read_intents(record)
        if sessions.may_have_others(record, self._session_ids(record)):
            for session_id in await self._search(record):
                await self._read_object(session_id)
            await self._read_intents(record)
            self.problems += map(sessions.recovery_not_searched, sorted(self._recoverable))
        for object_id, fact in record.facts.items():
            if fact.kind == Kind.CHARGE and not unread.is_replaced(record, fact):
                await self._read_object(object_id)
        await self._read_undelivered(record)

    def _session_ids(self, record: Payment) -> set[str]:
        return {*sessions.known_ids(record, "cs_"), *(name for name in self.shown if name.startswith("cs_"))}

    async def _read_intents(self, record: Payment) -> None:
        """Reads the PaymentIntents that were not read yet, and what belongs to each of them."""
        for intent_id in sorted({*sessions.known_ids(record, "pi_"), *self._intent_ids} - self._read_intent_ids):
            self._read_intent_ids.add(intent_id)
            await self._read_list(facts.SESSION, intent_id)
            if intent_id not in self.shown:
                await self._read_object(intent_id)
            for object_type, kind in _LISTED.items():
                if await self._read_list(object_type, intent_id):
                    self._listed.add((kind, intent_id))

    async def _read_object(self, object_id: str) -> None:
        object_type = PREFIXES.get(object_id[:3])
        if object_type is None:
            return
        path = object_path(_PATHS[object_type], object_id)
        expand = {"expand": ["payment_intent"]} if object_type == facts.SESSION else {}
        try:
            body = await self._reader.get(path, **expand)
        except StripeMissingError:
            self._missing.add(object_id)
        except StripeRefusedError as error:
            self.problems.append(f"{path}: {error}")
        else:
            self._add(object_type, msgspec.Raw(body))

    async def _read_list(self, object_type: str, intent_id: str) -> bool:
        """Reads the objects of a PaymentIntent; returns whether Stripe listed them."""
        expand = {"expand": ["data.payment_intent"]} if object_type == facts.SESSION else {}
        try:
            async for page in self._reader.pages(_PATHS[object_type], payment_intent=intent_id, **expand):
                for raw in page:
                    self._add(object_type, raw)
        except StripeRefusedError as error:
            self.problems.append(f"{_PATHS[object_type]} of {intent_id}: {error}")
            return False
        return True

    def _add(self, object_type: str, raw: msgspec.Raw) -> None:
        content = fields.decoded(raw)
        if content is None:
            self._on_unreadable(object_type, "it is not an object with an id")
            return
        if fields.has_odd_status(content):
            self._on_unreadable(object_type, "its status is not one of Stripe's codes")
        self.shown[content["id"]] = fields.shown(object_type, content)
        if object_type == facts.SESSION and sessions.is_recoverable(content):
            self._recoverable.add(content["id"])
        self._events.update({event.object_id: event for event in self._lists.facts_of(object_type, raw)})
        intent = content.get("payment_intent")
        if object_type == facts.SESSION and isinstance(intent, dict) and isinstance(intent.get("id"), str):
            self.shown[intent["id"]] = fields.shown(facts.INTENT, intent)
            self._intent_ids.add(intent["id"])

    async def _search(self, record: Payment) -> Sequence[str]:
        """Finds the sessions that the record does not name: among those of the same time."""
        created = sessions.created_at(record)
        if created is None:
            self.problems.append(f"sessions: {_names(record)} and has no valid created_at to search for one")
            return []
        known, found = self._session_ids(record), set[str]()
        windows = sessions.search_windows(record, created)
        try:
            for since, until in windows:
                async for page in self._reader.pages(PATHS[facts.SESSION], created={"gte": since, "lte": until}):
                    found.update(
                        each["id"]
                        for each in filter(None, map(fields.decoded, page))
                        if record.payment_intent_id in fields.references(each)
                    )
        except StripeRefusedError as error:
            self.problems.append(f"{PATHS[facts.SESSION]}: {error}")
        else:
            self.problems += sessions.unsearched(record, windows, known | found)
            if not known | found:
                self.problems.append(
                    "sessions: the record names none, and none that was created from 1 hour before it to 26 hours "
                    f"after it names {record.payment_intent_id}"
                )
        return sorted(found - known)

    async def _read_undelivered(self, record: Payment) -> None:
        ids = {record.payment_intent_id, *self.shown}
        try:
            async for page in self._lists.events(sessions.created_at(record) or 0, undelivered=True):
                for event in page:
                    if isinstance(event, PaymentEvent) and ids & {
                        *event.payment_ids,
                        event.object_id,
                        event.session_id,
                        *event.intent_ids,
                    }:
                        self.undelivered.append(event)
        except StripeRefusedError as error:
            self.problems.append(f"{EVENTS_PATH}: {error}")

    def _on_unreadable(self, kind: str, reason: str) -> None:
        self.problems.append(f"{kind}: an object at Stripe cannot be read: {reason}")


def _names(record: Payment) -> str:
    return "the record may not name all" if sessions.known_ids(record, "cs_") else "the record names none"


def _is_succeeded_intent(shown: Mapping[str, Any]) -> bool:
    return (shown["object"], shown.get("status")) == (facts.INTENT, "succeeded")
