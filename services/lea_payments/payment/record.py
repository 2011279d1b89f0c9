"""Defines the payment record: its fields, statuses and history."""

from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from typing import NamedTuple

import msgspec


class Status(StrEnum):
    """The published statuses of a payment."""

    PENDING = "pending"
    COMPLETED = "completed"
    FAILED = "failed"
    EXPIRED = "expired"


class Dispute(IntEnum):
    """The status of a dispute. A record keeps the highest one, so a lost dispute outweighs a won one."""

    NONE = 0
    OPEN = 1
    REVIEW = 2
    WON = 3
    LOST = 4


PENDING_RANK = 0
"""The rank of a payment that no fact has changed yet."""

HISTORY_LIMIT = 50
NO_CHANGE_LIMIT = 40
"""Events that change no field are not added after this many entries, which leaves room for those that do."""


class HistoryEntry(NamedTuple):
    """One event in a record's history. `at` is ISO 8601 UTC."""

    event_id: str
    event_type: str
    outcome: str
    status_from: str
    status_to: str
    at: str
    trace_id: str | None


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """One record. `amount` and `amount_refunded` are in minor units of `currency`; times are ISO 8601 UTC."""

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
    status_rank: int = PENDING_RANK
    status_reason: str | None = None
    amount_refunded: int = 0
    dispute_status: Dispute = Dispute.NONE
    session_closed: bool = False
    traceparent: str | None = None
    checkout_attempt: int = 0
    checkout_attempt_at: str | None = None
    checkout_locale: str | None = None
    checkout_former_session: str | None = None
    history: tuple[HistoryEntry, ...] = ()


def attempt_at(record: Payment) -> datetime:
    """When the record's current attempt began."""
    return datetime.fromisoformat(record.checkout_attempt_at or "1970-01-01T00:00:00Z")


def iso(moment: datetime) -> str:
    """A time as records store it: ISO 8601, UTC, with milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
