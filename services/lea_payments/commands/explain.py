"""Explains in words what happened to a payment and what the next event would change."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from lea_payments.payment import money
from lea_payments.payment.event import Outcome
from lea_payments.payment.record import HISTORY_LIMIT, DisputeStatus, Payment
from lea_payments.payment.situations import PAID_TWICE, Situation
from lea_payments.payment.status import status_of

STORY: Mapping[Situation, str] = {
    Situation.PENDING: "The customer has not paid yet.",
    Situation.DECLINED: "A card was declined; the customer can try another one.",
    Situation.EXPIRED: "The customer did not pay in time; the link has expired.",
    Situation.AWAITING_FUNDS: ("The customer has paid with a delayed payment method; the money has not arrived yet."),
    Situation.ASYNC_FAILED: "The delayed payment method failed: no money arrived, and the link is closed.",
    Situation.MISMATCH: (
        "The amount or currency paid is not the one requested: review the payment in Stripe's dashboard."
    ),
    Situation.PAID: "The payment is completed.",
    Situation.PAID_TWICE: "The payment is completed.",
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
    sentences = [STORY[status_of(record).situation]]
    if record.status_reason == PAID_TWICE:
        sentences.append("The customer paid twice, with two PaymentIntents: refund one of them in Stripe's dashboard.")
    elif record.status_reason is not None:
        sentences.append(f"The reason is {record.status_reason}.")
    if record.amount_refunded:
        sentences.append(f"{_money(record.amount_refunded, record.currency)} has been refunded.")
    if record.dispute_status is not DisputeStatus.NONE:
        sentences.append(f"The payment is disputed; the status of the dispute is {_word(record.dispute_status)}.")
    sentences.append(last_event(record))
    return sentences


def last_event(record: Payment) -> str:
    """The outcome of the last event in the history and its meaning, as sentences."""
    if not record.history:
        return "No event from Stripe has reached this payment yet."
    entry = record.history[-1]
    meaning = MEANING.get(entry.outcome, entry.outcome)
    full = " The history is full: later events are not added." if len(record.history) >= HISTORY_LIMIT else ""
    return f"The last event, {entry.event_type}, has the outcome {entry.outcome}: {meaning}.{full}"


def next_events(record: Payment) -> Sequence[NextEvent]:
    """The effect of each type of event about the record's session if it arrived now."""
    return []


def _effect(outcome: Outcome, record: Payment, after: Payment) -> str:
    if outcome is Outcome.DUPLICATE:
        return "no change: already recorded"
    if outcome is Outcome.STALE:
        return "no change: nothing new"
    return field_changes(record, after)


def field_changes(before: Payment, after: Payment) -> str:
    """The changed fields with their old and new values; empty if only the history changed."""
    for names in FIELD_GROUPS:
        values = ((name, _word(getattr(before, name)), _word(getattr(after, name))) for name in names)
        if changes := [f"{name} {old} → {new}" for name, old, new in values if old != new]:
            return ", ".join(changes)
    return ""


def _word(value: object) -> str:
    return "none" if value is None else str(value)


def _money(amount: int, currency: str | None) -> str:
    return f"{money.major_units(amount, currency)} {currency.upper()}" if currency else str(amount)
