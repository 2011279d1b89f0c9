"""Decides how an event changes a payment, and builds the record after the change."""

from operator import attrgetter

import msgspec
from msgspec.structs import replace

from lea_payments.payment import facts
from lea_payments.payment.event import Outcome, PaymentEvent
from lea_payments.payment.facts import Kind
from lea_payments.payment.payers import mismatch
from lea_payments.payment.record import HISTORY_LIMIT, HistoryEntry, Payment
from lea_payments.payment.situations import RULES, CanPay, Situation
from lea_payments.payment.status import BY_HAND_DISPUTE, Derived, status_of

NO_PAYMENT = "no_payment"
"""Why a detail is ignored: no payment of ours is known that it belongs to."""

# Members that nearly every event needs, looked up once: on Python 3.11 a look-up costs more than a call.
_APPLIED, _AWAITING_FUNDS, _CAN_PAY, _SESSION = Outcome.APPLIED, Situation.AWAITING_FUNDS, CanPay.YES, Kind.SESSION

_event_id = attrgetter("event_id")


class Applied(msgspec.Struct, frozen=True, gc=False):
    """The outcome of an event, and the record before and after it; both are None if there is no such payment."""

    outcome: Outcome
    before: Payment | None = None
    after: Payment | None = None


def apply(record: Payment, event: PaymentEvent, at: str, trace_id: str | None = None) -> Applied:
    """The result of the event on this record. `at` is the current time, ISO 8601 UTC.

    If there is nothing new in the event, `after` is the same object as `before`, unless a pod of version 0.1.0 has
    left the published fields in another state than the facts: then this write repairs them.
    """
    merged = facts.with_fact(record.facts, event.object_id, event.fact)
    is_in_history = event.id in map(_event_id, record.history)
    if _is_published_dispute(record, event) or (merged is record.facts and _is_consistent(record)):
        return Applied(Outcome.DUPLICATE if is_in_history else Outcome.STALE, record, record)
    outcome = Outcome.REVIEW if _needs_person(record, event) else _APPLIED
    changed = replace(record, facts=merged, updated_at=at, webhook_processed_at=at)
    derived = status_of(changed)
    history = record.history
    # A detail is not worth an entry, which is twice as long as its fact: every write pays for every byte of an item.
    if not is_in_history and not facts.is_detail(event.fact) and len(history) < HISTORY_LIMIT:
        entry = HistoryEntry(event.id, event.type, outcome, record.payment_status, derived.status, at, trace_id)
        history = (*history, entry)
    return Applied(outcome, record, _with_derived(changed, derived, history))


def without_record(event: PaymentEvent) -> Applied:
    """The result of an event for which there is no record. Details of other systems' payments are of no interest."""
    return Applied(Outcome.IGNORED if facts.is_detail(event.fact) else Outcome.UNMATCHED)


def _is_consistent(record: Payment) -> bool:
    """Whether the published fields follow from the facts; after a write of version 0.1.0 they may not."""
    derived = status_of(record)
    if derived.situation is Situation.AWAITING_FUNDS and record.awaiting_funds_on is None:
        return False  # a record of version 0.1.0: the reconciler must find it while it waits
    return record.version is None or (
        derived.status is record.payment_status
        and derived.reason == record.status_reason
        and derived.stripe_session_id == record.stripe_session_id
        and derived.stripe_payment_intent == record.stripe_payment_intent
        and derived.amount_refunded == record.amount_refunded
        and derived.dispute_status is record.dispute_status
    )


def _is_published_dispute(record: Payment, event: PaymentEvent) -> bool:
    """Whether version 0.1.0 has applied this event of a dispute, of which it stored only the furthest status."""
    return (
        BY_HAND_DISPUTE in record.facts
        and event.fact.kind == Kind.DISPUTE
        and event.object_id not in record.facts
        and any(entry.event_id == event.id and entry.outcome == Outcome.APPLIED for entry in record.history)
    )


def is_published(before: Payment, after: Payment) -> bool:
    """Whether a change is one that receivers of notifications are told: details and bookkeeping are not."""
    return _published_state(before) != _published_state(after)


_published_state = attrgetter("payment_status", "status_reason", "amount_refunded", "dispute_status")


def derive(record: Payment) -> Payment:
    """The record with the next version and everything that follows from its facts."""
    return _with_derived(record, status_of(record), record.history)


def _with_derived(record: Payment, derived: Derived, history: tuple[HistoryEntry, ...]) -> Payment:
    is_waiting = derived.situation is _AWAITING_FUNDS
    rule = RULES[derived.situation]
    return replace(
        record,
        history=history,
        version=(record.version or 0) + 1,
        payment_status=derived.status,
        status_reason=derived.reason,
        status_rank=rule.rank,
        stripe_session_id=derived.stripe_session_id,
        stripe_payment_intent=derived.stripe_payment_intent,
        other_session_id=derived.other_session_id,
        amount_refunded=derived.amount_refunded,
        dispute_status=derived.dispute_status,
        checkout_link=record.checkout_link if rule.can_pay is _CAN_PAY else None,
        awaiting_funds_on=(record.awaiting_funds_on or (record.updated_at or "")[:10] or None) if is_waiting else None,
    )


def _needs_person(record: Payment, event: PaymentEvent) -> bool:
    """Whether the event itself reports something that a person must look at."""
    fact = event.fact
    if fact.kind == _SESSION:
        return fact.state == facts.PAID and mismatch(record, event.object_id, fact) is not None
    return (fact.kind, fact.state) in ((Kind.REFUND, facts.FAILED), (Kind.WARNING, facts.ACTIONABLE))
