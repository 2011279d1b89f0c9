"""The move an event asks for, and the record after it; pure: a record and an event in, values out."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from msgspec.structs import replace

from lea_payments.payment.event import Fact, Outcome, PaymentEvent
from lea_payments.payment.record import HISTORY_LIMIT, NOTES_LIMIT, HistoryEntry, Payment
from lea_payments.payment.rules import PAID_TWICE, REVIEW_RULE, RULES, Rule


class Change(NamedTuple):
    """What an event does to a record: the outcome, the fields that get new values, and whether history notes it."""

    outcome: Outcome
    fields: Mapping[str, Any] = MappingProxyType({})
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
    if rule.bound and _of_another_session(payment, event):
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


def _of_another_session(payment: Payment, event: PaymentEvent) -> bool:
    """Whether the session is not the record's; while checkout waits for the next one's id, the former one is known."""
    if payment.stripe_session_id is None:
        return event.session_id is not None and event.session_id == payment.checkout_former_session
    return payment.stripe_session_id != event.session_id


def _paid(payment: Payment, event: PaymentEvent) -> Change:
    """Money has arrived: it completes the payment from any state, unless it is not the money we asked for."""
    mismatch = _mismatch(payment, event)
    asked = REVIEW_RULE if mismatch else RULES[Fact.PAID]
    rule, reason, payer = asked, mismatch, (event.stripe_payment_intent, event.session_id)
    if payment.status_rank >= REVIEW_RULE.rank:
        held = REVIEW_RULE if payment.status_rank == REVIEW_RULE.rank else RULES[Fact.PAID]
        rule, reason = max((held, payment.status_reason), (asked, mismatch), key=_strength)
        held_payer = (payment.stripe_payment_intent, payment.stripe_session_id)
        if _differ(held_payer[0], payer[0]):
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
