"""What a payment is and what news of it means: statuses, the table of ranks, the move an event asks for; never I/O.

Stripe delivers events late, twice and in any order, so a status is a function of the facts seen, not of their
order: each fact carries a rank, and only a higher one moves the record. Any order of the same events, with any
number of copies, ends in the same record.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum, StrEnum
from typing import Any, NamedTuple


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

READS: Mapping[Fact, tuple[str, ...]] = {
    Fact.DECLINED: ("payment_status", "status_rank", "status_reason"),
    Fact.SESSION_EXPIRED: ("payment_status", "status_rank", "status_reason", "stripe_session_id"),
    Fact.AWAITING_FUNDS: ("payment_status", "status_rank", "status_reason", "stripe_session_id"),
    Fact.ASYNC_FAILED: ("payment_status", "status_rank", "status_reason", "stripe_session_id"),
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
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
    history: tuple[HistoryEntry, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentEvent:
    """One of Stripe's events in our words. `created` is in seconds since 1970, `amount` in minor units."""

    id: str
    type: str
    created: int
    fact: Fact
    payment_id: str | None = None
    session_id: str | None = None
    stripe_payment_intent: str | None = None
    amount: int | None = None
    currency: str | None = None
    reason: str | None = None
    amount_refunded: int = 0
    dispute: Dispute = Dispute.NONE
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What an event does to a record: the outcome, the fields that get new values, and whether history notes it."""

    outcome: Outcome
    fields: Mapping[str, Any] = field(default_factory=dict)
    noted: bool = False


_DUPLICATE = Change(Outcome.DUPLICATE)


def change_for(payment: Payment, event: PaymentEvent) -> Change:
    """Which move the event asks for, seen from this record."""
    if any(entry.event_id == event.id for entry in payment.history):
        return _DUPLICATE
    if event.fact is Fact.REFUNDED:
        return _raised(payment, "amount_refunded", event.amount_refunded)
    if event.fact is Fact.DISPUTED:
        return _raised(payment, "dispute_status", event.dispute)
    if event.fact is Fact.REFUND_FAILED:
        return Change(Outcome.REVIEW, noted=True) if _has_room(payment, NOTES_LIMIT) else _DUPLICATE
    return _status_change(payment, event)


def changed(payment: Payment, event: PaymentEvent, change: Change, at: str, trace_id: str | None = None) -> Payment:
    """The record after the change; `at` is the time of applying it, ISO 8601 UTC."""
    history = payment.history
    if change.noted and _has_room(payment, HISTORY_LIMIT):
        history = (*history, entry_for(payment, event, change, at, trace_id))
    if not change.fields:
        return replace(payment, history=history)
    return replace(payment, **change.fields, updated_at=at, webhook_processed_at=at, history=history)


def entry_for(
    payment: Payment, event: PaymentEvent, change: Change, at: str, trace_id: str | None = None
) -> HistoryEntry:
    """The line of history that tells of this change."""
    status_to = change.fields.get("payment_status", payment.payment_status)
    return HistoryEntry(
        event.id, event.type, change.outcome.value, payment.payment_status.value, str(status_to), at, trace_id
    )


def _status_change(payment: Payment, event: PaymentEvent) -> Change:
    rule = RULES[event.fact]
    if rule.bound and payment.stripe_session_id not in (None, event.session_id):
        return _stale(payment)
    if event.fact is Fact.PAID:
        return _paid(payment, event)
    # Declines carry no order, so among several the greatest code stays: arbitrary, yet the same in any order.
    reason = event.reason or rule.reason
    asked, held = (rule.rank, reason or ""), (payment.status_rank, payment.status_reason or "")
    if asked <= held:
        return _DUPLICATE if asked == held else _stale(payment)
    fields: dict[str, Any] = {
        "payment_status": rule.status,
        "status_rank": rule.rank,
        "status_reason": reason,
    }
    if rule.bound:
        fields["session_closed"] = True
    if rule.returned:
        fields["stripe_session_id"] = event.session_id
    return Change(Outcome.APPLIED, fields, noted=True)


def _paid(payment: Payment, event: PaymentEvent) -> Change:
    """Money has arrived: it completes the payment from any state, unless it is not the money we asked for."""
    mismatch = _mismatch(payment, event)
    asked = REVIEW if mismatch else RULES[Fact.PAID]
    rule, reason, payer = asked, mismatch, (event.stripe_payment_intent, event.session_id)
    if payment.status_rank >= REVIEW.rank:
        held = REVIEW if payment.status_rank == REVIEW.rank else RULES[Fact.PAID]
        rule, reason = max((held, payment.status_reason), (asked, mismatch), key=_strength)
        held_payer = (payment.stripe_payment_intent, payment.stripe_session_id)
        if payment.status_reason == PAID_TWICE or _differ(held_payer[0], payer[0]):
            reason = PAID_TWICE
        # Of two that paid, the one with the smaller id is named: arbitrary, yet the same in any order.
        payer = min(held_payer, payer, key=lambda who: (who[0] is None, who[0] or ""))
    fields = {
        "payment_status": rule.status,
        "status_rank": rule.rank,
        "status_reason": reason,
        "stripe_payment_intent": payer[0],
        "stripe_session_id": payer[1],
    }
    if all(getattr(payment, name) == value for name, value in fields.items()):
        return _DUPLICATE if asked.rank == rule.rank else _stale(payment)
    outcome = Outcome.REVIEW if mismatch else Outcome.APPLIED
    return Change(outcome, {**fields, "session_closed": True}, noted=True)


def _strength(held: tuple[Rule, str | None]) -> tuple[int, str]:
    rule, reason = held
    return rule.rank, reason or ""


def _differ(one: str | None, other: str | None) -> bool:
    return one is not None and other is not None and one != other


def _mismatch(payment: Payment, event: PaymentEvent) -> str | None:
    """What differs between the money asked for and the money paid; a record that names none differs in nothing."""
    if payment.currency is not None and payment.currency.lower() != (event.currency or "").lower():
        return "currency_mismatch"
    if payment.amount is not None and payment.amount != event.amount:
        return "amount_mismatch"
    return None


def _raised(payment: Payment, name: str, value: int) -> Change:
    held = getattr(payment, name)
    if value > held:
        return Change(Outcome.APPLIED, {name: value}, noted=True)
    return _DUPLICATE if value == held else _stale(payment)


def _stale(payment: Payment) -> Change:
    return Change(Outcome.STALE, noted=_has_room(payment, NOTES_LIMIT))


def _has_room(payment: Payment, limit: int) -> bool:
    return len(payment.history) < limit
