import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lea_payments.payment.transitions import apply_change, change_for
from msgspec.structs import replace

from lea_payments.payment.event import Outcome, PaymentEvent
from lea_payments.payment.record import HISTORY_LIMIT, Payment, Status
from lea_payments.stripe import events as stripe_events
from tests.support.scenarios import (
    AFTER_PAYMENT,
    SCENARIOS,
    Scenario,
    expected_fields,
    order_independent_fields,
    record,
)

ALL = {**SCENARIOS, **AFTER_PAYMENT}


def _events(scenario: Scenario) -> list[PaymentEvent]:
    translated = [stripe_events.translate(body, livemode=False) for body in scenario.events("payment_1")]
    return [event for event in translated if isinstance(event, PaymentEvent)]


def _after(payment: Payment, events: Sequence[PaymentEvent]) -> Payment:
    for event in events:
        payment = apply_change(payment, event, change_for(payment, event), "2026-01-01T00:00:01.000Z")
    return payment


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
@given(data=st.data())
def test_order_and_copies_do_not_change_the_record(scenario: Scenario, data: st.DataObject) -> None:
    copies = [event for event in _events(scenario) for _ in range(data.draw(st.integers(1, 3)))]
    order = data.draw(st.permutations(copies))

    assert order_independent_fields(_after(record("payment_1"), order)) == expected_fields(
        record("payment_1"), scenario
    )


@pytest.mark.parametrize("scenario", ALL.values(), ids=ALL.keys())
def test_every_permutation_ends_in_the_same_record(scenario: Scenario) -> None:
    events = _events(scenario)
    for order in itertools.permutations(events * (2 if len(events) <= 3 else 1)):
        assert order_independent_fields(_after(record("payment_1"), order)) == expected_fields(
            record("payment_1"), scenario
        )


def test_all_events_of_one_session_end_the_same_in_reverse() -> None:
    everything = [event for scenario in SCENARIOS.values() for event in _events(scenario)]

    forward = order_independent_fields(_after(record("payment_1"), everything))

    assert order_independent_fields(_after(record("payment_1"), everything[::-1])) == forward
    assert forward["payment_status"] is Status.COMPLETED


@given(st.permutations([name for name in SCENARIOS for _ in range(2)]))
def test_mixed_scenarios_end_in_one_record_in_any_order(names: list[str]) -> None:
    events = {name: _events(SCENARIOS[name]) for name in SCENARIOS}
    in_turn = [event for name in SCENARIOS for event in events[name]]

    mixed = [event for name in names for event in events[name]]

    assert order_independent_fields(_after(record("payment_1"), mixed)) == order_independent_fields(
        _after(record("payment_1"), in_turn)
    )


def test_a_stale_event_is_recorded_in_the_history() -> None:
    [paid], [expiry] = _events(SCENARIOS["success"]), _events(SCENARIOS["expiry"])

    history = _after(record("payment_1"), [paid, expiry, expiry]).history

    assert [entry.outcome for entry in history] == ["applied", "stale"]
    assert (history[0].status_from, history[0].status_to) == ("pending", "completed")


def test_a_flood_of_stale_events_leaves_room_for_changes() -> None:
    paid = _events(SCENARIOS["success"])[0]
    stale = [replace(_events(SCENARIOS["expiry"])[0], id=f"evt_flood_{number}") for number in range(200)]
    refunds = [
        replace(_events(AFTER_PAYMENT["refunds without our metadata"])[0], id=f"evt_r{n}", amount_refunded=n)
        for n in range(1, 200)
    ]

    flooded = _after(_after(record("payment_1"), [paid, *stale]), refunds)

    assert len(flooded.history) == HISTORY_LIMIT
    assert flooded.amount_refunded == 199


def test_a_record_completed_by_hand_is_not_lowered() -> None:
    by_hand = Payment(payment_intent_id="payment_1", payment_status=Status.COMPLETED, status_rank=50)
    [expiry] = _events(SCENARIOS["expiry"])

    assert change_for(by_hand, expiry).outcome is Outcome.STALE


def test_a_record_without_an_amount_is_completed_by_any() -> None:
    by_hand = Payment(payment_intent_id="payment_1")
    [paid] = _events(SCENARIOS["success"])

    assert _after(by_hand, [paid]).payment_status is Status.COMPLETED
