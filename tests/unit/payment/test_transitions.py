from collections.abc import Sequence
from typing import Any

import pytest
from lea_payments.payment.rules import RULES
from lea_payments.payment.transitions import Change, apply_change, change_for, entry_for
from msgspec.structs import replace

from lea_payments.payment.event import Fact, Outcome, PaymentEvent
from lea_payments.payment.record import HISTORY_LIMIT, NO_CHANGE_LIMIT, Dispute, HistoryEntry, Payment, Status
from lea_payments.stripe import events as stripe_events
from tests.support import stripe_bodies
from tests.support.scenarios import record

NOW = "2026-01-01T00:00:01.000Z"


def _after(payment: Payment, events: Sequence[PaymentEvent]) -> Payment:
    for event in events:
        payment = apply_change(payment, event, change_for(payment, event), NOW)
    return payment


def _event(fact: Fact, **fields: Any) -> PaymentEvent:
    defaults: dict[str, Any] = {"session_id": "cs_test_a", "amount": 4999, "currency": "sgd"}
    return PaymentEvent(id="evt_1", type="some.type", created=0, fact=fact, **(defaults | fields))


def _with_entries(number: int) -> Payment:
    entry = HistoryEntry("evt_0", "some.type", "stale", "pending", "pending", NOW, None)
    return replace(record("payment_1"), history=(entry,) * number)


@pytest.mark.parametrize("fact", [fact for fact in RULES if fact is not Fact.PAID])
def test_nothing_lowers_a_completed_payment(fact: Fact) -> None:
    paid = replace(record("payment_1"), payment_status=Status.COMPLETED, status_rank=50)

    change = change_for(paid, _event(fact))

    assert (change.outcome, change.fields) == (Outcome.STALE, {})


def test_the_decline_with_the_greatest_code_stays() -> None:
    declined = _after(record("payment_1"), [_event(Fact.DECLINED, reason="lost_card")])

    lower = change_for(declined, replace(_event(Fact.DECLINED, reason="generic"), id="evt_2"))
    higher = change_for(declined, replace(_event(Fact.DECLINED, reason="stolen_card"), id="evt_3"))

    assert (lower.outcome, higher.outcome) == (Outcome.STALE, Outcome.APPLIED)
    assert higher.fields["status_reason"] == "stolen_card"


@pytest.mark.parametrize(
    ("fact", "fields"),
    [
        (Fact.DECLINED, {"payment_status", "status_rank", "status_reason"}),
        (Fact.SESSION_EXPIRED, {"payment_status", "status_rank", "status_reason", "session_closed"}),
        (
            Fact.AWAITING_FUNDS,
            {"payment_status", "status_rank", "status_reason", "session_closed", "stripe_session_id"},
        ),
    ],
)
def test_a_fact_writes_only_its_own_fields(fact: Fact, fields: set[str]) -> None:
    change = change_for(record("payment_1"), _event(fact))

    assert change.outcome is Outcome.APPLIED
    assert change.fields.keys() == fields


@pytest.mark.parametrize(
    ("session_id", "former", "outcome"),
    [
        ("cs_test_a", None, Outcome.APPLIED),
        ("cs_test_former", "cs_test_former", Outcome.STALE),
        (None, None, Outcome.APPLIED),
    ],
    ids=["unknown session", "former session", "no session"],
)
def test_without_a_current_session_only_the_former_is_stale(
    session_id: str | None, former: str | None, outcome: Outcome
) -> None:
    waiting = replace(record("payment_1"), stripe_session_id=None, checkout_former_session=former)

    assert change_for(waiting, _event(Fact.SESSION_EXPIRED, session_id=session_id)).outcome is outcome


def test_the_expiry_of_another_session_is_stale() -> None:
    change = change_for(record("payment_1"), _event(Fact.SESSION_EXPIRED, session_id="cs_test_other"))

    assert change == Change(Outcome.STALE, recorded=True)


def test_a_late_expiry_does_not_end_the_next_attempt() -> None:
    waiting = replace(record("payment_1"), stripe_session_id=None, checkout_former_session="cs_test_former")
    late = stripe_events.translate(stripe_bodies.expired("payment_1", id="cs_test_former"), livemode=False)
    own = stripe_events.translate(stripe_bodies.expired("payment_1", id="cs_test_own"), livemode=False)
    assert isinstance(late, PaymentEvent)
    assert isinstance(own, PaymentEvent)

    assert change_for(waiting, late).outcome is Outcome.STALE
    assert _after(waiting, [late, own]).payment_status is Status.EXPIRED


@pytest.mark.parametrize(
    ("current", "reported", "outcome"),
    [(0, 700, Outcome.APPLIED), (700, 700, Outcome.DUPLICATE), (4999, 700, Outcome.STALE)],
)
def test_the_refunded_amount_only_grows(current: int, reported: int, outcome: Outcome) -> None:
    refunded = replace(record("payment_1"), amount_refunded=current)

    assert change_for(refunded, _event(Fact.REFUNDED, amount_refunded=reported)).outcome is outcome


@pytest.mark.parametrize(
    ("current", "reported", "outcome"),
    [
        (Dispute.NONE, Dispute.OPEN, Outcome.APPLIED),
        (Dispute.WON, Dispute.LOST, Outcome.APPLIED),
        (Dispute.LOST, Dispute.LOST, Outcome.DUPLICATE),
        (Dispute.LOST, Dispute.WON, Outcome.STALE),
    ],
)
def test_the_highest_stage_of_a_dispute_stays(current: Dispute, reported: Dispute, outcome: Outcome) -> None:
    disputed = replace(record("payment_1"), dispute_status=current)

    assert change_for(disputed, _event(Fact.DISPUTED, dispute=reported)).outcome is outcome


def test_a_failed_refund_needs_a_person_once() -> None:
    failed = stripe_events.translate(stripe_bodies.refund("refund.failed", 700, "failed"), livemode=False)
    assert isinstance(failed, PaymentEvent)
    entry = HistoryEntry(failed.id, failed.type, "review", "completed", "completed", "t", None)

    assert change_for(record("payment_1"), failed).outcome is Outcome.REVIEW
    assert change_for(replace(record("payment_1"), history=(entry,)), failed).outcome is Outcome.DUPLICATE


def test_a_failed_refund_after_a_flood_is_a_duplicate() -> None:
    change = change_for(_with_entries(NO_CHANGE_LIMIT), _event(Fact.REFUND_FAILED))

    assert change == Change(Outcome.DUPLICATE)


def test_a_stale_event_after_a_flood_is_not_recorded() -> None:
    stale = _event(Fact.SESSION_EXPIRED, session_id="cs_test_other")

    assert change_for(_with_entries(NO_CHANGE_LIMIT - 1), stale).recorded
    assert not change_for(_with_entries(NO_CHANGE_LIMIT), stale).recorded


def test_a_full_history_does_not_stop_a_change() -> None:
    full = _with_entries(HISTORY_LIMIT)
    event = _event(Fact.PAID)

    after = apply_change(full, event, change_for(full, event), NOW)

    assert after.payment_status is Status.COMPLETED
    assert after.history == full.history


def test_a_change_of_fields_sets_the_times() -> None:
    event = _event(Fact.REFUNDED, amount_refunded=700)

    after = apply_change(record("payment_1"), event, change_for(record("payment_1"), event), NOW)

    assert (after.updated_at, after.webhook_processed_at, after.amount_refunded) == (NOW, NOW, 700)


def test_an_event_without_effect_sets_no_times() -> None:
    event = _event(Fact.SESSION_EXPIRED, session_id="cs_test_other")

    after = apply_change(record("payment_1"), event, change_for(record("payment_1"), event), NOW)

    assert after == replace(record("payment_1"), history=after.history)
    assert len(after.history) == 1


def test_a_history_entry_names_event_statuses_and_trace() -> None:
    event = _event(Fact.PAID)

    entry = entry_for(record("payment_1"), event, change_for(record("payment_1"), event), NOW, "a" * 32)

    assert entry == HistoryEntry("evt_1", "some.type", "applied", "pending", "completed", NOW, "a" * 32)
