"""Computes what the next event of each kind would do to a record."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from lea_payments.commands.field_changes import field_changes
from lea_payments.payment import changes, facts
from lea_payments.payment.event import CHANGES, PaymentEvent
from lea_payments.payment.facts import Fact, Kind
from lea_payments.payment.payers import NOT_STANDING
from lea_payments.payment.record import Payment

NEW_SESSION, NEW_INTENT, NEW_REFUND = "cs_new", "pi_new", "re_new"
NEW_DISPUTE, NEW_WARNING = "du_new", "issfr_new"
"""The ids of objects that the record does not know."""


class NextEvent(NamedTuple):
    """What an event about this object would do now."""

    event: str
    object_id: str
    outcome: str
    effect: str


def next_events(record: Payment) -> Sequence[NextEvent]:
    """The effect that an event of each kind would have if it arrived now."""
    return [_next_event(record, event_type, object_id, fact) for event_type, object_id, fact in _candidates(record)]


def _candidates(record: Payment) -> Iterator[tuple[str, str, Fact]]:
    """The events that are possible next: their type, and the fact that each of them reports about an object."""
    yield from _sessions(record)
    intent_id = record.stripe_payment_intent or NEW_INTENT
    declined = Fact(
        kind=Kind.INTENT, state=facts.DECLINED, code="card_declined", attempt=record.checkout_attempt or None
    )
    yield "payment_intent.payment_failed", intent_id, record.facts.get(intent_id, declined)
    rest = max(0, (record.amount or 0) - record.amount_refunded)
    refund = Fact(kind=Kind.REFUND, state="pending", amount=rest, intent=record.stripe_payment_intent)
    yield "refund.created", NEW_REFUND, refund
    yield from _further(record, Kind.REFUND, "refund.failed", facts.FAILED, NOT_STANDING)
    dispute = Fact(kind=Kind.DISPUTE, state="needs_response", amount=record.amount, intent=record.stripe_payment_intent)
    yield "charge.dispute.created", NEW_DISPUTE, dispute
    for state in ("won", "lost"):
        yield from _further(record, Kind.DISPUTE, f"charge.dispute.closed, {state}", state, ("won", "lost"))
    warning = Fact(kind=Kind.WARNING, state=facts.ACTIONABLE, intent=record.stripe_payment_intent)
    yield "radar.early_fraud_warning.created", NEW_WARNING, warning


def _sessions(record: Payment) -> Iterator[tuple[str, str, Fact]]:
    session_id = record.stripe_session_id or NEW_SESSION
    paid = Fact(
        kind=Kind.SESSION,
        state=facts.PAID,
        amount=record.amount,
        currency=record.currency.lower() if record.currency else None,
        intent=record.stripe_payment_intent or NEW_INTENT,
        attempt=record.checkout_attempt or None,
    )
    # What is known about the session stays: another amount would be the first one that it reports.
    current = record.facts.get(session_id, paid)
    yield "checkout.session.completed, paid", session_id, replace(current, state=facts.PAID)
    yield "checkout.session.completed, unpaid", session_id, replace(current, state=facts.UNPAID)
    yield "checkout.session.async_payment_succeeded", session_id, replace(current, state=facts.PAID)
    yield "checkout.session.async_payment_failed", session_id, replace(current, state=facts.FAILED)
    yield "checkout.session.expired", session_id, replace(current, state=facts.EXPIRED)
    if session_id != NEW_SESSION:
        yield "checkout.session.completed, paid, of another session", NEW_SESSION, replace(paid, intent=NEW_INTENT)


def _further(
    record: Payment, kind: Kind, event_type: str, state: str, ended: Sequence[str]
) -> Iterator[tuple[str, str, Fact]]:
    """This state of each object of the kind that has not ended."""
    for object_id, fact in record.facts.items():
        if fact.kind == kind and fact.state not in ended:
            yield event_type, object_id, replace(fact, state=state)


def _next_event(record: Payment, event_type: str, object_id: str, fact: Fact) -> NextEvent:
    event = PaymentEvent(id="", type=event_type, created=0, object_id=object_id, fact=fact)
    applied = changes.apply(record, event, "")
    outcome, after = applied.outcome, applied.after
    if outcome not in CHANGES or after is None:
        return NextEvent(event_type, object_id, outcome, "no change: the record has this fact, or a further one")
    effect = field_changes(record, after) or "the fact is stored, the status stays"
    return NextEvent(event_type, object_id, outcome, effect)
