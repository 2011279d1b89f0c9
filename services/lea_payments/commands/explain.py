"""What happened to a payment and what would happen next, in words, from its record alone; pure."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from lea_payments.payment import money
from lea_payments.payment.event import Fact, Outcome, PaymentEvent
from lea_payments.payment.record import HISTORY_LIMIT, PENDING_RANK, Dispute, HistoryEntry, Payment
from lea_payments.payment.rules import PAID_TWICE, REVIEW_RULE, RULES, rank_of
from lea_payments.payment.transitions import apply_change, change_for

STORY: Mapping[int, str] = {
    PENDING_RANK: "It waits for the customer: nothing has been heard of money yet.",
    RULES[Fact.DECLINED].rank: "A card was declined; the customer may still try another one.",
    RULES[Fact.SESSION_EXPIRED].rank: "The customer did not pay in time, and the pay page is closed.",
    RULES[Fact.AWAITING_FUNDS].rank: "The customer has paid by a slow method, and the money is under way.",
    RULES[Fact.ASYNC_FAILED].rank: "The slow method failed: no money came, and the pay page is closed.",
    REVIEW_RULE.rank: "Money has come that is not what was asked for: a person must settle it in Stripe's dashboard.",
    RULES[Fact.PAID].rank: "It is paid.",
}
MEANING: Mapping[str, str] = {
    Outcome.APPLIED: "it changed the record",
    Outcome.REVIEW: "a person must look: see the reason",
    Outcome.STALE: "not applied, for the record already knew better",
}
MOVES = (
    ("payment_status", "status_reason", "amount_refunded", "dispute_status"),
    ("stripe_session_id", "stripe_payment_intent"),
)
"""The fields that a change is told by; the later ones only where none of the first has changed."""


class NextEvent(NamedTuple):
    """What an event of this kind would do now; `rank` is None where ranks do not decide."""

    event: str
    rank: int | None
    outcome: str
    effect: str


def story(record: Payment) -> Sequence[str]:
    """What happened, in sentences."""
    told = [STORY[rank_of(record)]]
    if record.status_reason == PAID_TWICE:
        told.append("Two different PaymentIntents have paid it: refund one of them in Stripe's dashboard.")
    elif record.status_reason is not None:
        told.append(f"The reason is {record.status_reason}.")
    if record.amount_refunded:
        told.append(f"{_money(record.amount_refunded, record.currency)} has been refunded.")
    if record.dispute_status is not Dispute.NONE:
        told.append(f"A dispute about it is {_word(record.dispute_status)}.")
    told.append(last_event(record))
    return told


def last_event(record: Payment) -> str:
    """What became of the last event in the history, and why."""
    if not record.history:
        return "No event of Stripe's has reached this payment yet."
    entry = record.history[-1]
    told = f"The last event, {entry.event_type}, was {entry.outcome}: {MEANING.get(entry.outcome, entry.outcome)}"
    if entry.outcome == Outcome.STALE:
        told += _why_stale(record, entry)
    full = len(record.history) >= HISTORY_LIMIT
    return f"{told}.{' The history is full: later events leave no line.' if full else ''}"


def _why_stale(record: Payment, entry: HistoryEntry) -> str:
    ranks = sorted(rule.rank for rule in RULES.values() if entry.event_type in rule.reported_by)
    if not ranks:
        return ""
    return f" (such an event has rank {' or '.join(map(str, ranks))}, the record {record.status_rank})"


def next_events(record: Payment) -> Sequence[NextEvent]:
    """What each kind of event, about the record's own session and money, would do if it came now."""
    expected = []
    for fact, rule in RULES.items():
        event = PaymentEvent(
            id="",
            type="",
            created=0,
            fact=fact,
            session_id=record.stripe_session_id,
            stripe_payment_intent=record.stripe_payment_intent,
            amount=record.amount,
            currency=record.currency,
            reason=record.status_reason or "its code" if fact is Fact.DECLINED else None,
        )
        change = change_for(record, event)
        after = apply_change(record, event, change, "")
        expected.append(NextEvent(rule.reported_by, rule.rank, change.outcome, _effect(change.outcome, record, after)))
    return expected


def _effect(outcome: Outcome, record: Payment, after: Payment) -> str:
    if outcome is Outcome.DUPLICATE:
        return "nothing: the record says so already"
    if outcome is Outcome.STALE:
        return f"nothing: the record has rank {record.status_rank}"
    return moves(record, after)


def moves(before: Payment, after: Payment) -> str:
    """What a change did to a record, in words; empty when it only noted something."""
    for names in MOVES:
        told = ((name, _word(getattr(before, name)), _word(getattr(after, name))) for name in names)
        if moved := [f"{name} {old} → {new}" for name, old, new in told if old != new]:
            return ", ".join(moved)
    return ""


def _word(value: object) -> str:
    if isinstance(value, Dispute):
        return value.name.lower()
    return "none" if value is None else str(value)


def _money(amount: int, currency: str | None) -> str:
    return f"{money.major_units(amount, currency)} {currency.upper()}" if currency else str(amount)
