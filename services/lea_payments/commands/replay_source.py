"""What is to be replayed: moments as a person types them, and the events in a file, line by line; no I/O of its own."""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from lea_payments.payment.event import PaymentEvent
from lea_payments.stripe import events as stripe_events
from lea_payments.stripe.errors import InvalidPayloadError
from lea_payments.stripe.events import TRANSLATORS, Ignored

KEPT = timedelta(days=30)
"""How long Stripe keeps events (docs.stripe.com/api/events/list)."""

_AGO = re.compile(r"(\d{1,6})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class ReplaySourceError(Exception):
    """Raised when what is asked for cannot be; the text says what can."""


class BadLine(NamedTuple):
    """A line that holds no event we can read, counted from 1."""

    number: int
    reason: str


def moment(text: str, now: datetime) -> datetime:
    """`2h`, `3d`, a date or a time in ISO 8601, UTC unless it says otherwise; raises ReplaySourceError."""
    ago = _AGO.fullmatch(text.strip())
    try:
        if ago:
            return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        found = datetime.fromisoformat(text.strip())
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ReplaySourceError(
            f"{text!r} is no moment: give 90m, 2h, 3d or 1w for so long ago, a date such as {now:%Y-%m-%d}, "
            f"or a time such as {now:%Y-%m-%dT%H:%M:%SZ}"
        ) from None


def window(since: str, until: str | None, now: datetime) -> tuple[int, int]:
    """The first and the last second, since 1970, of what Stripe is asked for; raises ReplaySourceError."""
    first, last = moment(since, now), moment(until, now) if until else now
    if first < now - KEPT - timedelta(minutes=1):
        raise ReplaySourceError(
            f"Stripe keeps events for {KEPT.days} days: begin at {now - KEPT:%Y-%m-%dT%H:%M:%SZ} or later, "
            "or replay older ones from a file"
        )
    if first >= last:
        raise ReplaySourceError(f"nothing lies between {first:%Y-%m-%dT%H:%M:%SZ} and {last:%Y-%m-%dT%H:%M:%SZ}")
    return int(first.timestamp()), int(last.timestamp())


def checked_types(types: Iterable[str]) -> tuple[str, ...]:
    """The types, each one that we use; raises ReplaySourceError."""
    found = tuple(dict.fromkeys(types))
    unknown = [name for name in found if name not in TRANSLATORS]
    if unknown:
        raise ReplaySourceError(
            f"{', '.join(unknown)}: no type of event that we use; those are {', '.join(TRANSLATORS)}"
        )
    return found


def events_in(lines: Iterable[bytes], *, livemode: bool) -> Iterator[PaymentEvent | Ignored | BadLine]:
    """What each line of JSON says; blank lines say nothing."""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield stripe_events.translate(line, livemode=livemode)
        except InvalidPayloadError as unreadable:
            yield BadLine(number, str(unreadable))
