"""Decides how an event changes a payment, and builds the record after the change."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from msgspec.structs import replace

from lea_payments.payment.event import Fact, Outcome, PaymentEvent
from lea_payments.payment.record import HISTORY_LIMIT, NO_CHANGE_LIMIT, HistoryEntry, Payment
from lea_payments.payment.rules import PAID_TWICE, REVIEW_RULE, RULES, Rule


class Change(NamedTuple):
    """What an event does to a record: the outcome, the new values of fields, and whether the event is recorded."""

    outcome: Outcome
    fields: Mapping[str, Any] = MappingProxyType({})
    recorded: bool = False


_DUPLICATE = Change(Outcome.DUPLICATE)


def change_for(payment: Payment, event: PaymentEvent) -> Change:
    """The change that the event makes to this record."""
    if any(entry.event_id == event.id for entry in payment.history):
        return _DUPLICATE
    if event.fact is Fact.REFUNDED:
        return _increase(payment, "amount_refunded", event.amount_refunded)
    if event.fact is Fact.DISPUTED:
        return _increase(payment, "dispute_status", event.dispute)
    if event.fact is Fact.REFUND_FAILED:
        return Change(Outcome.REVIEW, recorded=True) if _has_room(payment, NO_CHANGE_LIMIT) else _DUPLICATE
    return _status_change(payment, event)


def apply_change(
    payment: Payment, event: PaymentEvent, change: Change, at: str, trace_id: str | None = None
) -> Payment:
    """The record after the change. `at` is the current time, ISO 8601 UTC."""
    history = payment.history
    if change.recorded and _has_room(payment, HISTORY_LIMIT):
        history = (*history, entry_for(payment, event, change, at, trace_id))
    if not change.fields:
        return replace(payment, history=history)
    return replace(payment, **change.fields, updated_at=at, webhook_processed_at=at, history=history)


def entry_for(
    payment: Payment, event: PaymentEvent, change: Change, at: str, trace_id: str | None = None
) -> HistoryEntry:
    """The history entry for this change."""
    status_to = change.fields.get("payment_status", payment.payment_status)
    return HistoryEntry(
        event.id, event.type, change.outcome.value, payment.payment_status.value, str(status_to), at, trace_id
    )


def _status_change(payment: Payment, event: PaymentEvent) -> Change:
    rule = RULES[event.fact]
    if rule.current_session_only and _is_another_session(payment, event):
        return _stale(payment)
    if event.fact is Fact.PAID:
        return _paid(payment, event)
    reason = event.reason or rule.reason
    # Declines have no order, so of several the greatest code wins: arbitrary, but the same in any order.
    new, current = (rule.rank, reason or ""), (payment.status_rank, payment.status_reason or "")
    if new <= current:
        return _DUPLICATE if new == current else _stale(payment)
    fields: dict[str, Any] = {
        "payment_status": rule.status,
        "status_rank": rule.rank,
        "status_reason": reason,
    }
    if rule.current_session_only:
        fields["session_closed"] = True
    if rule.stores_session:
        fields["stripe_session_id"] = event.session_id
    return Change(Outcome.APPLIED, fields, recorded=True)


def _is_another_session(payment: Payment, event: PaymentEvent) -> bool:
    """Whether the event's session is not the record's current one."""
    if payment.stripe_session_id is None:
        # A new attempt that waits for its session's id, or a record without one: only the former session is another.
        return event.session_id is not None and event.session_id == payment.checkout_former_session
    return payment.stripe_session_id != event.session_id


def _paid(payment: Payment, event: PaymentEvent) -> Change:
    """Money completes a payment from any status, unless the amount or currency is not the requested one."""
    mismatch = _mismatch(payment, event)
    event_rule = REVIEW_RULE if mismatch else RULES[Fact.PAID]
    rule, reason = event_rule, mismatch
    intent_id, session_id = event.stripe_payment_intent, event.session_id
    if payment.status_rank >= REVIEW_RULE.rank:
        # There was money before: the stronger rule stays, and two PaymentIntents mean that the customer paid twice.
        current_rule = REVIEW_RULE if payment.status_rank == REVIEW_RULE.rank else RULES[Fact.PAID]
        rule, reason = max((current_rule, payment.status_reason), (event_rule, mismatch), key=_precedence)
        if _are_different_intents(payment.stripe_payment_intent, event.stripe_payment_intent):
            reason = PAID_TWICE
        # The record names the PaymentIntent with the smaller id: arbitrary, but the same in any order.
        current_payer = (payment.stripe_payment_intent, payment.stripe_session_id)
        intent_id, session_id = min(current_payer, (intent_id, session_id), key=_payer_order)
    fields = {
        "payment_status": rule.status,
        "status_rank": rule.rank,
        "status_reason": reason,
        "stripe_payment_intent": intent_id,
        "stripe_session_id": session_id,
    }
    if all(getattr(payment, name) == value for name, value in fields.items()):
        return _DUPLICATE if event_rule.rank == rule.rank else _stale(payment)
    outcome = Outcome.REVIEW if mismatch else Outcome.APPLIED
    return Change(outcome, {**fields, "session_closed": True}, recorded=True)


def _precedence(candidate: tuple[Rule, str | None]) -> tuple[int, str]:
    rule, reason = candidate
    return rule.rank, reason or ""


def _payer_order(payer: tuple[str | None, str | None]) -> tuple[bool, str]:
    """Payers by PaymentIntent; one without a PaymentIntent comes last."""
    intent_id, _ = payer
    return intent_id is None, intent_id or ""


def _are_different_intents(intent_id: str | None, other_intent_id: str | None) -> bool:
    return intent_id is not None and other_intent_id is not None and intent_id != other_intent_id


def _mismatch(payment: Payment, event: PaymentEvent) -> str | None:
    """The reason for a review if the money is not what was requested; a record without an amount accepts any."""
    if payment.currency is not None and payment.currency.lower() != (event.currency or "").lower():
        return "currency_mismatch"
    if payment.amount is not None and payment.amount != event.amount:
        return "amount_mismatch"
    return None


def _increase(payment: Payment, name: str, value: int) -> Change:
    """A change to a field that only grows: events report totals and stages, so the highest one is the latest."""
    current = getattr(payment, name)
    if value > current:
        return Change(Outcome.APPLIED, {name: value}, recorded=True)
    return _DUPLICATE if value == current else _stale(payment)


def _stale(payment: Payment) -> Change:
    return Change(Outcome.STALE, recorded=_has_room(payment, NO_CHANGE_LIMIT))


def _has_room(payment: Payment, limit: int) -> bool:
    return len(payment.history) < limit
