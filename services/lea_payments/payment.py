"""What a payment is and what news of it can mean: statuses, facts and the table of ranks; never I/O.

Stripe delivers events late, twice and in any order, so a status is a function of the facts seen, not of their
order: each fact carries a rank, and only a higher one moves the record. Any order of the same events, with any
number of copies, ends in the same record.
"""

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from typing import NamedTuple

import msgspec


class Status(StrEnum):
    """The published statuses of a payment; there are no others."""

    PENDING = "pending"
    COMPLETED = "completed"
    FAILED = "failed"
    EXPIRED = "expired"


class Fact(StrEnum):
    """What one of Stripe's events tells about a payment."""

    DECLINED = "declined"
    SESSION_EXPIRED = "session_expired"
    AWAITING_FUNDS = "awaiting_funds"
    ASYNC_FAILED = "async_failed"
    PAID = "paid"
    REFUNDED = "refunded"
    REFUND_FAILED = "refund_failed"
    DISPUTED = "disputed"


class Outcome(StrEnum):
    """What became of a verified event. All of them are answered 200: none gets better by being sent again."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    STALE = "stale"
    REVIEW = "review"
    UNMATCHED = "unmatched"
    IGNORED = "ignored"
    WRONG_MODE = "wrong_mode"


CHANGES = (Outcome.APPLIED, Outcome.REVIEW)
"""The outcomes that tell something new of a payment."""


class Dispute(IntEnum):
    """How far a dispute has come; the highest one seen is kept, and a lost one outweighs a won one."""

    NONE = 0
    OPEN = 1
    REVIEW = 2
    WON = 3
    LOST = 4


class Rule(NamedTuple):
    """A row of the table of ranks.

    `bound` facts count only for the record's current session; after `returned` ones the customer is back with that
    session's id, so the record must carry it.
    """

    rank: int
    status: Status
    reason: str | None
    source: str
    may_pay: str
    bound: bool = False
    returned: bool = False


PENDING_RANK = 0
RULES: Mapping[Fact, Rule] = {
    Fact.DECLINED: Rule(
        10, Status.FAILED, None, "payment_intent.payment_failed", "yes: Checkout lets them try another card"
    ),
    Fact.SESSION_EXPIRED: Rule(20, Status.EXPIRED, None, "checkout.session.expired", "no", bound=True),
    Fact.AWAITING_FUNDS: Rule(
        30,
        Status.PENDING,
        "awaiting_funds",
        "checkout.session.completed, unpaid",
        "waiting",
        bound=True,
        returned=True,
    ),
    Fact.ASYNC_FAILED: Rule(
        40,
        Status.FAILED,
        "async_payment_failed",
        "checkout.session.async_payment_failed",
        "no",
        bound=True,
        returned=True,
    ),
    Fact.PAID: Rule(
        50,
        Status.COMPLETED,
        None,
        "checkout.session.completed, paid or no_payment_required; checkout.session.async_payment_succeeded",
        "done",
    ),
}
REVIEW = Rule(45, Status.PENDING, None, "paid, but not what we asked for", "a person looks")
PAID_TWICE = "paid_twice"
REFUND_FAILED = "refund_failed"

_OF_ITS_SESSION = ("payment_status", "status_rank", "status_reason", "stripe_session_id", "checkout_former_session")
READS: Mapping[Fact, tuple[str, ...]] = {
    Fact.DECLINED: ("payment_status", "status_rank", "status_reason"),
    Fact.SESSION_EXPIRED: _OF_ITS_SESSION,
    Fact.AWAITING_FUNDS: _OF_ITS_SESSION,
    Fact.ASYNC_FAILED: _OF_ITS_SESSION,
    Fact.PAID: (
        "payment_status",
        "status_rank",
        "status_reason",
        "stripe_payment_intent",
        "amount",
        "currency",
    ),
    Fact.REFUNDED: ("amount_refunded",),
    Fact.REFUND_FAILED: (),
    Fact.DISPUTED: ("dispute_status",),
}
"""The fields that `change_for` looks at for a fact; a write holds only while they are as they were read."""

RANK_OF_BARE_STATUS: Mapping[Status, int] = {
    Status.PENDING: PENDING_RANK,
    Status.FAILED: RULES[Fact.DECLINED].rank,
    Status.EXPIRED: RULES[Fact.SESSION_EXPIRED].rank,
    Status.COMPLETED: RULES[Fact.PAID].rank,
}
"""The rank of a record that its caller put by hand, with a status and no rank."""

HISTORY_LIMIT = 50
NOTES_LIMIT = 40
"""Events that change nothing are noted only up to here, so that a flood of them leaves room for those that do."""


class HistoryEntry(NamedTuple):
    """One event in a record's history; `at` is ISO 8601 UTC."""

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


class PaymentEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One of Stripe's events in our words. Times are in seconds since 1970, `amount` in minor units."""

    id: str
    type: str
    created: int
    fact: Fact
    payment_id: str | None = None
    session_id: str | None = None
    session_created: int | None = None
    stripe_payment_intent: str | None = None
    amount: int | None = None
    currency: str | None = None
    reason: str | None = None
    amount_refunded: int = 0
    dispute: Dispute = Dispute.NONE
    traceparent: str | None = None
