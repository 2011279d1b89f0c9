"""Finds Checkout Sessions at Stripe by the id of any object, by e-mail, or by card and day; only reads."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from lea_payments.commands.amounts import time_of
from lea_payments.commands.at_stripe import fields
from lea_payments.payment.event import PaymentEvent
from lea_payments.payment.facts import Fact, Kind
from lea_payments.stripe import facts
from lea_payments.stripe.errors import StripeMissingError, StripeRefusedError
from lea_payments.stripe.lists import PATHS, object_path
from lea_payments.stripe.reader import StripeReader
from lea_payments.text.words import counted

MAX_PAGES = 20
"""The number of pages of 100 objects that a search reads: at five calls a second, about five seconds."""

MAX_SESSIONS = 20
"""The number of PaymentIntents whose sessions a search reads."""

FIRST_HOUR, LAST_HOUR = timedelta(hours=-14), timedelta(hours=36)
"""When a day begins and ends anywhere on earth, from its midnight in UTC."""

_INTENT_PATH, _CHARGE_PATH = "/v1/payment_intents", "/v1/charges"
_PATHS: Mapping[str, str] = {
    "re_": PATHS[facts.REFUND],
    "pyr_": PATHS[facts.REFUND],
    "du_": PATHS[facts.DISPUTE],
    "dp_": PATHS[facts.DISPUTE],
    "issfr_": PATHS[facts.WARNING],
    "ch_": _CHARGE_PATH,
    "py_": _CHARGE_PATH,
}
"""The objects that name their PaymentIntent, by the prefix of their ids."""

OF_AN_INTENT = tuple(_PATHS)
SESSION_PREFIX, INTENT_PREFIX = "cs_", "pi_"


class Match(NamedTuple):
    """A session, or a PaymentIntent without one, with the payments that it names."""

    shown: Mapping[str, Any]
    payment_ids: Sequence[str] = ()
    intent_id: str | None = None
    later: Sequence[Mapping[str, Any]] = ()
    """Refunds, disputes and fraud warnings of the payment, as they are shown; `with_later` reads them."""
    not_read: Sequence[str] = ()
    """Which of them could not be read, and why."""

    @property
    def id(self) -> str:
        """The id of the object."""
        return str(self.shown["id"])

    @property
    def is_session(self) -> bool:
        """Whether Checkout made it."""
        return bool(self.shown["object"] == facts.SESSION)

    def event(self) -> PaymentEvent:
        """An event with its references, by which the store finds the record."""
        return reference(self.id, self.payment_ids, self.id if self.is_session else None, self.intent_id)


def reference(
    object_id: str, payment_ids: Sequence[str] = (), session_id: str | None = None, intent_id: str | None = None
) -> PaymentEvent:
    """An event that only names objects, by which the store finds the record."""
    return PaymentEvent(
        id="",
        type="",
        created=0,
        object_id=object_id,
        fact=Fact(kind=Kind.SESSION, state="open"),
        payment_ids=tuple(payment_ids),
        session_id=session_id,
        intent_ids=(intent_id,) if intent_id else (),
    )


class SearchResult(NamedTuple):
    """The matches of a search, and sentences about what was searched."""

    matches: Sequence[Match]
    notes: Sequence[str] = ()


class StripeSearch:
    """Searches at Stripe. Every method raises StripeCallError."""

    def __init__(self, reader: StripeReader) -> None:
        self._reader = reader

    async def by_id(self, object_id: str) -> SearchResult:
        """The sessions that the object belongs to; none if Stripe does not have the object."""
        try:
            if object_id.startswith(SESSION_PREFIX):
                content = await self._get(PATHS[facts.SESSION], object_id)
                return SearchResult([_session(content)] if content else [])
            if object_id.startswith(INTENT_PREFIX):
                return SearchResult(await self._of_intent(object_id))
            for prefix, path in _PATHS.items():
                if object_id.startswith(prefix):
                    content = await self._get(path, object_id)
                    intent_id = fields.id_of((content or {}).get("payment_intent"))
                    return SearchResult(await self._of_intent(intent_id) if intent_id else [])
        except StripeMissingError:
            pass
        return SearchResult([])

    async def by_email(self, email: str) -> SearchResult:
        """The sessions whose customer gave this address."""
        pages = _Pages(self._reader.pages(PATHS[facts.SESSION], customer_details={"email": email}))
        matches = [_session(content) async for content in pages]
        return SearchResult(matches, list(pages.notes("session")))

    async def by_card(self, last4: str, day: date) -> SearchResult:
        """The sessions that a card with these last digits paid, or was declined for, on this day anywhere on earth."""
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        since, until = (int((midnight + hours).timestamp()) for hours in (FIRST_HOUR, LAST_HOUR))
        pages = _Pages(self._reader.pages(_CHARGE_PATH, created={"gte": since, "lte": until}))
        intent_ids = await _intents_of_card(pages, last4)
        matches: dict[str, Match] = {}
        for intent_id in intent_ids[:MAX_SESSIONS]:
            matches.update({match.id: match for match in await self._of_intent(intent_id)})
        notes = [
            f"Searched {counted(pages.count, 'charge')} from {time_of(since)} to {time_of(until)}.",
            *pages.notes("charge"),
        ]
        if len(intent_ids) > MAX_SESSIONS:
            notes.append(f"{len(intent_ids)} PaymentIntents match; only the newest {MAX_SESSIONS} were read.")
        return SearchResult(list(matches.values()), notes)

    async def with_later(self, matches: Sequence[Match]) -> Sequence[Match]:
        """The matches with the refunds, disputes and fraud warnings of each; those of the first MAX_SESSIONS."""
        found = []
        for match in matches[:MAX_SESSIONS]:
            later: list[Mapping[str, Any]] = []
            notes = []
            for object_type in (facts.REFUND, facts.DISPUTE, facts.WARNING) if match.intent_id else ():
                pages = _Pages(self._reader.pages(PATHS[object_type], payment_intent=match.intent_id))
                try:
                    later += [fields.shown(object_type, content) async for content in pages]
                except StripeRefusedError as error:
                    notes.append(f"{PATHS[object_type]} of {match.intent_id} could not be read: {error}")
            found.append(match._replace(later=later, not_read=notes))
        note = f"The refunds and disputes of only {MAX_SESSIONS} payments were read."
        return [*found, *(match._replace(not_read=[note]) for match in matches[MAX_SESSIONS:])]

    async def _of_intent(self, intent_id: str) -> Sequence[Match]:
        """The sessions of a PaymentIntent, or the PaymentIntent itself if Checkout did not make it."""
        pages = _Pages(self._reader.pages(PATHS[facts.SESSION], payment_intent=intent_id))
        sessions = [_session(content) async for content in pages]
        if sessions:
            return sessions
        content = await self._get(_INTENT_PATH, intent_id)
        if content is None:
            return []
        payment_ids = [name for name in fields.references(content) if not name.startswith(INTENT_PREFIX)]
        return [Match(fields.shown(facts.INTENT, content), payment_ids, content["id"])]

    async def _get(self, path: str, object_id: str) -> dict[str, Any] | None:
        return fields.decoded(await self._reader.get(object_path(path, object_id)))


class _Pages:
    """The readable objects of at most MAX_PAGES pages; `count` of them were read."""

    def __init__(self, pages: AsyncIterator[Sequence[msgspec.Raw]]) -> None:
        self._pages = pages
        self.count = 0
        self._is_cut = False

    async def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        number = 0
        async for page in self._pages:
            number += 1
            if number > MAX_PAGES:
                self._is_cut = True
                return
            for content in filter(None, map(fields.decoded, page)):
                self.count += 1
                yield content

    def notes(self, noun: str) -> Iterator[str]:
        """Says that the search was cut, if it was."""
        if self._is_cut:
            yield f"The search was cut after the newest {counted(self.count, noun)}: older ones were not read."


async def _intents_of_card(pages: _Pages, last4: str) -> Sequence[str]:
    """The PaymentIntents of the charges of a card, newest first."""
    ids = [fields.id_of(content.get("payment_intent")) async for content in pages if _last4(content) == last4]
    return list(dict.fromkeys(filter(None, ids)))


def _last4(charge: Mapping[str, Any]) -> object:
    match charge.get("payment_method_details"):
        case {"card": {"last4": last4}}:
            return last4
    return None


def _session(content: Mapping[str, Any]) -> Match:
    intent_id = fields.id_of(content.get("payment_intent"))
    names = [name for name in fields.references(content) if not name.startswith(INTENT_PREFIX)]
    return Match(fields.shown(facts.SESSION, content), names, intent_id)
