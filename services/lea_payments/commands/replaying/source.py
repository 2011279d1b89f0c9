"""Parses the arguments of a replay and translates its events; performs no I/O."""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from lea_payments.commands.replaying.event_file import EventText, MoreEvents
from lea_payments.payment.event import PaymentEvent
from lea_payments.stripe import events as stripe_events
from lea_payments.stripe.errors import InvalidPayloadError
from lea_payments.stripe.events import EVENT_TYPES, Ignored

RETENTION = timedelta(days=30)
"""How long Stripe keeps events (docs.stripe.com/api/events/list)."""

_DAY_SECONDS = 24 * 3600
_EVENT_ID = re.compile(r"evt_\w+", re.ASCII)
_AGE = re.compile(r"(\d{1,6})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class ReplaySourceError(Exception):
    """Raised when the arguments cannot be used; the message says what to use instead."""


class Unreadable(NamedTuple):
    """A part of the source that is not a readable event; `place` names it."""

    place: str
    reason: str


ReplayItem = PaymentEvent | Ignored | Unreadable | MoreEvents


class UnreadableObjects:
    """The objects in Stripe's lists that cannot be read."""

    def __init__(self) -> None:
        self._items: list[ReplayItem] = []

    def add(self, kind: str, reason: str) -> None:
        """Adds an object."""
        self._items.append(Unreadable(f"{kind} at Stripe", reason))

    def taken(self) -> Sequence[ReplayItem]:
        """Those since the last call."""
        taken, self._items = self._items, []
        return taken


def is_event_id(source: str) -> bool:
    """Whether the source names one of Stripe's events, and not a file."""
    return _EVENT_ID.fullmatch(source) is not None


def parse_time(text: str, now: datetime) -> datetime:
    """Parses `2h`, `3d`, a date or a time in ISO 8601, UTC by default; raises ReplaySourceError."""
    age = _AGE.fullmatch(text.strip())
    try:
        if age:
            return now - timedelta(**{_UNITS[age[2]]: int(age[1])})
        time = datetime.fromisoformat(text.strip())
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ReplaySourceError(
            f"{text!r} is not a valid time: use 90m, 2h, 3d or 1w, a date such as {now:%Y-%m-%d}, "
            f"or a time such as {now:%Y-%m-%dT%H:%M:%SZ}"
        ) from None


def window(since: str, until: str | None, now: datetime) -> tuple[int, int]:
    """The first and the last second to replay, since 1970; raises ReplaySourceError."""
    first, last = parse_time(since, now), parse_time(until, now) if until else now
    if first < now - RETENTION - timedelta(minutes=1):
        raise ReplaySourceError(
            f"Stripe keeps events for {RETENTION.days} days: start at {now - RETENTION:%Y-%m-%dT%H:%M:%SZ} or later, "
            "or replay older events from a file"
        )
    if first >= last:
        raise ReplaySourceError(
            f"the time range is empty: it starts at {first:%Y-%m-%dT%H:%M:%SZ} and ends at {last:%Y-%m-%dT%H:%M:%SZ}"
        )
    return int(first.timestamp()), int(last.timestamp())


def days(first: int, last: int) -> Iterator[tuple[int, int]]:
    """The first and the last second of each day of this time, oldest first; both ends are included."""
    for start in range(first, last + 1, _DAY_SECONDS):
        yield start, min(start + _DAY_SECONDS - 1, last)


def checked_types(types: Iterable[str]) -> tuple[str, ...]:
    """The event types without duplicates; raises ReplaySourceError if the services do not use one of them."""
    unique = tuple(dict.fromkeys(types))
    unknown = [name for name in unique if name not in EVENT_TYPES]
    if unknown:
        raise ReplaySourceError(f"{', '.join(unknown)}: unknown event type, use one of {', '.join(EVENT_TYPES)}")
    return unique


def translated(
    texts: Iterable[EventText | MoreEvents], types: Sequence[str], *, livemode: bool, account: str = ""
) -> Iterator[ReplayItem]:
    """Translates each event; skips the events of other types than these, if there are any."""
    for text in texts:
        if isinstance(text, MoreEvents):
            yield text
            continue
        try:
            item = stripe_events.translate(text.body, livemode=livemode, account=account)
        except InvalidPayloadError as error:
            yield Unreadable(text.place, str(error))
        else:
            if not types or item.type in types:
                yield item
