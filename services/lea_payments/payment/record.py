"""Defines the payment record: its fields, statuses and history."""

from datetime import MAXYEAR, UTC, datetime
from enum import StrEnum

import msgspec

from lea_payments.payment.facts import Facts


class Status(StrEnum):
    """The published statuses of a payment."""

    PENDING = "pending"
    COMPLETED = "completed"
    FAILED = "failed"
    EXPIRED = "expired"


class DisputeStatus(StrEnum):
    """The published statuses of a payment's disputes: the worst one that is open, or else how they were closed."""

    NONE = "none"
    OPEN = "open"
    REVIEW = "review"
    WON = "won"
    LOST = "lost"


HISTORY_LIMIT = 50


class HistoryEntry(msgspec.Struct, frozen=True, gc=False):
    """One event in a record's history. `at` is ISO 8601 UTC."""

    event_id: str
    event_type: str
    outcome: str
    status_from: str
    status_to: str
    at: str
    trace_id: str | None


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """One record. `amount` and `amount_refunded` are in minor units of `currency`; times are ISO 8601 UTC.

    `version` is incremented by every write and None on a record that was written by hand or by version 0.1.0.
    `status_rank` is for version 0.1.0, which decides by it. `other_session_id` is a session besides the published one.
    `canceled_at` is the mark that a caller has canceled the payment; it counts unless money is known.
    `checkout_link` is kept only while the customer can pay there: every write pays for every byte of an item.
    """

    payment_intent_id: str
    user_id: str | None = None
    quote_id: str | None = None
    stripe_session_id: str | None = None
    stripe_payment_intent: str | None = None
    payment_status: Status = Status.PENDING
    amount: int | None = None
    currency: str | None = None
    product_name: str | None = None
    created_at: str | None = None
    updated_at: str | None = None
    webhook_processed_at: str | None = None
    version: int | None = None
    facts: Facts = {}
    status_reason: str | None = None
    status_rank: int | None = None
    amount_refunded: int = 0
    dispute_status: DisputeStatus = DisputeStatus.NONE
    other_session_id: str | None = None
    awaiting_funds_on: str | None = None
    traceparent: str | None = None
    checkout_attempt: int = 0
    checkout_attempt_at: str | None = None
    checkout_locale: str | None = None
    checkout_link: str | None = None
    canceled_at: str | None = None
    return_url: str | None = None
    history: tuple[HistoryEntry, ...] = ()


def attempt_at(record: Payment) -> datetime:
    """When the record's current attempt began; 1970 if that is not known."""
    unknown = datetime.fromtimestamp(0, UTC)
    try:
        at = datetime.fromisoformat(record.checkout_attempt_at or "").astimezone(UTC)
    except (ValueError, OverflowError):
        return unknown
    # Callers add the life of a link, and a person can have written the last day that there is.
    return at if at.year < MAXYEAR else unknown


def parsed_time(text: str | None) -> datetime | None:
    """A stored time in UTC, or None if it is not one: a person can have written anything.

    A time without an offset is in UTC, as in the published contract.
    """
    try:
        time = datetime.fromisoformat(text or "")
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def iso(moment: datetime) -> str:
    """A time as records store it: ISO 8601, UTC, with milliseconds."""
    # msgspec writes microseconds, and none at a full second, at a fifth of the cost of `isoformat`.
    text: str = msgspec.to_builtins(moment.astimezone(UTC))
    return f"{text[:23]}Z" if moment.microsecond else f"{text[:19]}.000Z"
