"""Tells the history of a payment in the order of time, each event in words; pure."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from lea_payments.commands.amounts import plain_time
from lea_payments.payment.event import Outcome
from lea_payments.payment.record import HistoryEntry, Payment

WORDS: Mapping[str, str] = {
    "checkout.session.completed": "the customer finished the pay page",
    "checkout.session.async_payment_succeeded": "the delayed payment arrived",
    "checkout.session.async_payment_failed": "the delayed payment failed",
    "checkout.session.expired": "the link expired",
    "payment_intent.payment_failed": "a payment was declined",
    "refund.created": "a refund was made",
    "refund.updated": "a refund changed",
    "refund.failed": "a refund failed",
    "charge.refunded": "money was refunded",
    "charge.dispute.created": "the customer's bank opened a dispute",
    "charge.dispute.updated": "a dispute changed",
    "charge.dispute.closed": "a dispute was closed",
    "radar.early_fraud_warning.created": "the card issuer warned of fraud",
    "radar.early_fraud_warning.updated": "a fraud warning changed",
    "charge.succeeded": "the charge succeeded",
}
"""What each type of event means for the customer."""


class Step(NamedTuple):
    """One step: its time in UTC, what happened, and where that comes from."""

    at: str
    what: str
    source: str = ""


def timeline(record: Payment) -> Iterator[Step]:
    """The steps of a payment, oldest first."""
    if record.created_at:
        yield Step(plain_time(record.created_at), "the payment was created")
    steps = [*map(_step, record.history)]
    if record.canceled_at:
        canceled = Step(plain_time(record.canceled_at), "the payment was canceled", "checkout API")
        steps.insert(sum(step.at <= canceled.at for step in steps), canceled)
    yield from steps


def _step(entry: HistoryEntry) -> Step:
    is_listed = ":" in entry.event_id and not entry.event_id.startswith("evt")
    what = f"Stripe has {entry.event_id}" if is_listed else WORDS.get(entry.event_type, entry.event_type)
    if entry.status_from != entry.status_to:
        what += f": {entry.status_from} → {entry.status_to}"
    if entry.outcome == Outcome.REVIEW:
        what += "; a person must look at it"
    source = "found by the reconciler or replay" if is_listed else f"{entry.event_type} {entry.event_id}"
    return Step(plain_time(entry.at), what, source + (f", trace {entry.trace_id}" if entry.trace_id else ""))
