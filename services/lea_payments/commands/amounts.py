"""Formats amounts and times for people: `SGD 120.00`, `27 November 2026, 10:02 UTC`; pure."""

from collections.abc import Mapping
from datetime import UTC, datetime

from lea_payments.payment import money
from lea_payments.payment.evidence import NEVER_MATCHES, UNREADABLE_CURRENCY
from lea_payments.payment.record import parsed_time

UNKNOWN_AMOUNT = "an unknown amount"

Amounts = Mapping[str | None, int]
"""Amounts in minor units by their currency, which is None if it is not known."""


def amount_text(amount: int | None, currency: str | None) -> str:
    """An amount in minor units, as major units with its currency: 12000 of `sgd` is `SGD 120.00`."""
    if amount is None or amount <= NEVER_MATCHES:
        return UNKNOWN_AMOUNT
    if not currency or currency == UNREADABLE_CURRENCY:
        return f"{amount} (in minor units of an unknown currency)"
    return f"{currency.upper()} {money.major_units(amount, currency)}"


def amounts_text(amounts: Amounts, currency: str | None = None) -> str:
    """Several amounts; without any, it is zero of this currency."""
    texts = [amount_text(amount, code) for code, amount in sorted(amounts.items(), key=str) if amount]
    return " and ".join(texts) or amount_text(0, currency)


def spoken_time(text: str | None) -> str | None:
    """A time in ISO 8601 as one says it, `27 November 2026, 10:02 UTC`; None if it is not one."""
    time = parsed_time(text)
    return f"{time.day} {_MONTHS[time.month - 1]} {time.year}, {time:%H:%M} UTC" if time else None


def plain_time(text: str | None) -> str:
    """A time in ISO 8601 as `2026-11-27 10:02:03 UTC`; other texts stay as they are."""
    time = parsed_time(text)
    return _plain(time) if time else text or ""


def time_of(seconds: float) -> str:
    """A time in seconds since 1970 as `2026-11-27 10:02:03 UTC`; the number if it is no time."""
    try:
        return _plain(datetime.fromtimestamp(seconds, UTC))
    except (OverflowError, ValueError, OSError):
        return str(seconds)


def _plain(time: datetime) -> str:
    return f"{time.year:04}-{time:%m-%d %H:%M:%S} UTC"


_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
"""In English whatever the locale of the machine is."""
