"""Explains in words what happened to a payment and what the next event would change."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from lea_payments.payment import money
from lea_payments.payment.event import Fact, Outcome, PaymentEvent
from lea_payments.payment.record import HISTORY_LIMIT, PENDING_RANK, Dispute, HistoryEntry, Payment
from lea_payments.payment.rules import PAID_TWICE, REVIEW_RULE, RULES, rank_of
from lea_payments.payment.transitions import apply_change, change_for

STORY: Mapping[int, str] = {
    PENDING_RANK: "The customer has not paid yet.",
    RULES[Fact.DECLINED].rank: "A card was declined; the customer can try another one.",
    RULES[Fact.SESSION_EXPIRED].rank: "The customer did not pay in time; the link has expired.",
    RULES[
        Fact.AWAITING_FUNDS
    ].rank: "The customer has paid with a delayed payment method; the money has not arrived yet.",
    RULES[Fact.ASYNC_FAILED].rank: "The delayed payment method failed: no money arrived, and the link is closed.",
    REVIEW_RULE.rank: "The amount or currency paid is not the one requested: review the payment in Stripe's dashboard.",
    RULES[Fact.PAID].rank: "The payment is completed.",
}
MEANING: Mapping[str, str] = {
    Outcome.APPLIED: "it changed the record",
    Outcome.REVIEW: "a person must review the payment: see the reason",
    Outcome.STALE: "not applied, because the record already has a later status",
}
FIELD_GROUPS = (
    ("payment_status", "status_reason", "amount_refunded", "dispute_status"),
    ("stripe_session_id", "stripe_payment_intent"),
)
"""The fields that describe a change: the second group only if no field of the first group has changed."""


class NextEvent(NamedTuple):
    """What an event of this type would do now; `rank` is None if the rank does not decide."""

    event: str
    rank: int | None
    outcome: str
    effect: str


def story(record: Payment) -> Sequence[str]:
    """The story of the payment, as sentences."""
    sentences = [STORY[rank_of(record)]]
    if record.status_reason == PAID_TWICE:
        sentences.append("The customer paid twice, with two PaymentIntents: refund one of them in Stripe's dashboard.")
    elif record.status_reason is not None:
        sentences.append(f"The reason is {record.status_reason}.")
    if record.amount_refunded:
        sentences.append(f"{_money(record.amount_refunded, record.currency)} has been refunded.")
    if record.dispute_status is not Dispute.NONE:
        sentences.append(f"The payment is disputed; the status of the dispute is {_word(record.dispute_status)}.")
    sentences.append(last_event(record))
    return sentences


def last_event(record: Payment) -> str:
    """The outcome of the last event in the history and its meaning, as sentences."""
    if not record.history:
        return "No event from Stripe has reached this payment yet."
    entry = record.history[-1]
    meaning = MEANING.get(entry.outcome, entry.outcome)
    if entry.outcome == Outcome.STALE:
        meaning += _ranks(record, entry)
    full = " The history is full: later events are not added." if len(record.history) >= HISTORY_LIMIT else ""
    return f"The last event, {entry.event_type}, has the outcome {entry.outcome}: {meaning}.{full}"


def _ranks(record: Payment, entry: HistoryEntry) -> str:
    ranks = sorted(rule.rank for rule in RULES.values() if entry.event_type in rule.reported_by)
    if not ranks:
        return ""
    return f" (the event has rank {' or '.join(map(str, ranks))}, the record has rank {record.status_rank})"


def next_events(record: Payment) -> Sequence[NextEvent]:
    """The effect of each type of event about the record's session if it arrived now."""
    next_events = []
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
            reason=record.status_reason or "the decline code" if fact is Fact.DECLINED else None,
        )
        change = change_for(record, event)
        after = apply_change(record, event, change, "")
        next_events.append(
            NextEvent(rule.reported_by, rule.rank, change.outcome, _effect(change.outcome, record, after))
        )
    return next_events


def _effect(outcome: Outcome, record: Payment, after: Payment) -> str:
    if outcome is Outcome.DUPLICATE:
        return "no change: already recorded"
    if outcome is Outcome.STALE:
        return f"no change: the record has rank {record.status_rank}"
    return field_changes(record, after)


def field_changes(before: Payment, after: Payment) -> str:
    """The changed fields with their old and new values; empty if only the history changed."""
    for names in FIELD_GROUPS:
        values = ((name, _word(getattr(before, name)), _word(getattr(after, name))) for name in names)
        if changes := [f"{name} {old} → {new}" for name, old, new in values if old != new]:
            return ", ".join(changes)
    return ""


def _word(value: object) -> str:
    if isinstance(value, Dispute):
        return value.name.lower()
    return "none" if value is None else str(value)


def _money(amount: int, currency: str | None) -> str:
    return f"{money.major_units(amount, currency)} {currency.upper()}" if currency else str(amount)
