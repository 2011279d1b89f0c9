import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from lea_payments.payment.event import Fact, Outcome, PaymentEvent
from lea_payments.payment.record import HISTORY_LIMIT, HistoryEntry, Payment, Status
from lea_payments.payment.rules import RULES
from lea_payments.payment.transitions import apply_change, change_for
from lea_payments.stripe import events as stripe_events
from tests.support import stripe_bodies
from tests.support.scenarios import AFTER_PAYMENT, SCENARIOS, Scenario, ending, facts, record

ALL = {**SCENARIOS, **AFTER_PAYMENT}


def _events(scenario: Scenario) -> list[PaymentEvent]:
    found = [stripe_events.translate(body, livemode=False) for body in scenario.events("payment_1")]
    return [event for event in found if isinstance(event, PaymentEvent)]


def _after(payment: Payment, events: Sequence[PaymentEvent]) -> Payment:
    for event in events:
        payment = apply_change(payment, event, change_for(payment, event), "2026-01-01T00:00:01.000Z")
    return payment


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
@given(data=st.data())
def test_any_order_and_any_number_of_copies_end_in_the_same_record(scenario: Scenario, data: st.DataObject) -> None:
    copies = [event for event in _events(scenario) for _ in range(data.draw(st.integers(1, 3)))]
    order = data.draw(st.permutations(copies))

    assert facts(_after(record("payment_1"), order)) == ending(record("payment_1"), scenario)


@pytest.mark.parametrize("scenario", ALL.values(), ids=ALL.keys())
def test_every_permutation_ends_in_the_same_record(scenario: Scenario) -> None:
    events = _events(scenario)
    for order in itertools.permutations(events * (2 if len(events) <= 3 else 1)):
        assert facts(_after(record("payment_1"), order)) == ending(record("payment_1"), scenario)


def test_all_events_of_all_scenarios_of_one_session_end_the_same_in_either_direction() -> None:
    everything = [event for scenario in SCENARIOS.values() for event in _events(scenario)]

    forward = facts(_after(record("payment_1"), everything))

    assert facts(_after(record("payment_1"), everything[::-1])) == forward
    assert forward["payment_status"] is Status.COMPLETED


@given(st.permutations([name for name in SCENARIOS for _ in range(2)]))
def test_scenarios_that_mix_end_in_one_record_whatever_the_order(names: list[str]) -> None:
    events = {name: _events(SCENARIOS[name]) for name in SCENARIOS}
    in_turn = [event for name in SCENARIOS for event in events[name]]

    mixed = [event for name in names for event in events[name]]

    assert facts(_after(record("payment_1"), mixed)) == facts(_after(record("payment_1"), in_turn))


@pytest.mark.parametrize("fact", [fact for fact in RULES if fact is not Fact.PAID])
def test_nothing_lowers_a_completed_payment(fact: Fact) -> None:
    paid = replace(record("payment_1"), payment_status=Status.COMPLETED, status_rank=50)
    event = PaymentEvent(id="evt_1", type="x", created=0, fact=fact, session_id="cs_test_a")

    change = change_for(paid, event)

    assert (change.outcome, change.fields) == (Outcome.STALE, {})


def test_a_record_put_by_hand_as_completed_is_not_lowered_either() -> None:
    by_hand = Payment(payment_intent_id="payment_1", payment_status=Status.COMPLETED, status_rank=50)
    [expiry] = _events(SCENARIOS["expiry"])

    assert change_for(by_hand, expiry).outcome is Outcome.STALE


def test_a_record_that_names_no_amount_is_completed_by_any() -> None:
    by_hand = Payment(payment_intent_id="payment_1")
    [paid] = _events(SCENARIOS["success"])

    assert _after(by_hand, [paid]).payment_status is Status.COMPLETED


def test_an_event_that_changed_nothing_is_noted_with_its_reason_to_be() -> None:
    [paid], [expiry] = _events(SCENARIOS["success"]), _events(SCENARIOS["expiry"])

    history = _after(record("payment_1"), [paid, expiry, expiry]).history

    assert [entry.outcome for entry in history] == ["applied", "stale"]
    assert (history[0].status_from, history[0].status_to) == ("pending", "completed")


def test_a_flood_of_notes_never_fills_the_history_that_changes_need() -> None:
    paid = _events(SCENARIOS["success"])[0]
    stale = [replace(_events(SCENARIOS["expiry"])[0], id=f"evt_flood_{number}") for number in range(200)]
    refunds = [
        replace(_events(AFTER_PAYMENT["refunds without our metadata"])[0], id=f"evt_r{n}", amount_refunded=n)
        for n in range(1, 200)
    ]

    flooded = _after(_after(record("payment_1"), [paid, *stale]), refunds)

    assert len(flooded.history) == HISTORY_LIMIT
    assert flooded.amount_refunded == 199


def test_a_refund_that_failed_asks_for_a_person_once() -> None:
    failed = stripe_events.translate(stripe_bodies.refund("refund.failed", 700, "failed"), livemode=False)
    assert isinstance(failed, PaymentEvent)
    note = HistoryEntry(failed.id, failed.type, "review", "completed", "completed", "t", None)

    assert change_for(record("payment_1"), failed).outcome is Outcome.REVIEW
    assert change_for(replace(record("payment_1"), history=(note,)), failed).outcome is Outcome.DUPLICATE


def test_the_late_end_of_a_former_session_does_not_end_the_attempt_that_waits_for_its_own() -> None:
    waiting = replace(record("payment_1"), stripe_session_id=None, checkout_former_session="cs_test_former")
    late = stripe_events.translate(stripe_bodies.expired("payment_1", id="cs_test_former"), livemode=False)
    own = stripe_events.translate(stripe_bodies.expired("payment_1", id="cs_test_own"), livemode=False)
    assert isinstance(late, PaymentEvent)
    assert isinstance(own, PaymentEvent)

    assert change_for(waiting, late).outcome is Outcome.STALE
    assert _after(waiting, [late, own]).payment_status is Status.EXPIRED
