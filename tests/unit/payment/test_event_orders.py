import itertools
import random
from collections.abc import Iterable, Sequence

import pytest
from msgspec.structs import replace

from lea_payments.payment import changes
from lea_payments.payment.changes import apply
from lea_payments.payment.event import PaymentEvent
from lea_payments.payment.record import Payment, Status
from lea_payments.payment.situations import CanPay, Situation
from lea_payments.payment.status import status_of
from tests.support import stripe_bodies
from tests.support.scenario import PAID, Scenario
from tests.support.scenarios import (
    AFTER_PAYMENT,
    SCENARIOS,
    expected_fields,
    order_independent_fields,
    payment_events,
    record,
    record_before,
)

NOW = "2026-01-01T00:00:01.000Z"
WITH_MONEY = (Situation.PAID_TWICE, Situation.PAID, Situation.MISMATCH, Situation.AWAITING_FUNDS)
CANCELED = (Status.EXPIRED, "canceled")
SAMPLES = 200
"""The number of orders that are tried where there are too many."""


def _with_completion(scenario: Scenario) -> Scenario:
    """The scenario of a completed payment, from the payment's creation."""
    return scenario._replace(
        events=lambda p: [stripe_bodies.completed(p), *scenario.events(p)],
        final_fields={**PAID, **scenario.final_fields},
    )


ALL = {**SCENARIOS, **{name: _with_completion(scenario) for name, scenario in AFTER_PAYMENT.items()}}


def _after(payment: Payment, events: Iterable[PaymentEvent]) -> Payment:
    for event in events:
        payment = apply(payment, event, NOW).after or payment
    return payment


def _orders(events: Sequence[PaymentEvent]) -> Iterable[Sequence[PaymentEvent]]:
    """Every permutation, and a sample of the permutations with copies."""
    yield from itertools.islice(itertools.permutations(events), SAMPLES)
    generator = random.Random(0)
    for _ in range(SAMPLES):
        copies = [event for event in events for _ in range(generator.randint(1, 3))]
        generator.shuffle(copies)
        yield copies


@pytest.mark.parametrize("scenario", ALL.values(), ids=ALL.keys())
def test_every_order_ends_in_the_same_record(scenario: Scenario) -> None:
    before = record_before("payment_1", scenario)
    expected = expected_fields(before, scenario)
    events = payment_events(scenario, "payment_1")

    for order in _orders(events):
        assert order_independent_fields(_after(before, order)) == expected


def test_mixed_scenarios_end_in_one_record_in_any_order() -> None:
    generator = random.Random(0)
    scenarios = [scenario for scenario in ALL.values() if not scenario.before]
    events = [event for scenario in scenarios for event in payment_events(scenario, "payment_1")]
    in_turn = order_independent_fields(_after(record("payment_1"), events))

    for _ in range(20):
        generator.shuffle(events)

        assert order_independent_fields(_after(record("payment_1"), events)) == in_turn
    assert in_turn["payment_status"] is Status.COMPLETED


@pytest.mark.parametrize("scenario", ALL.values(), ids=ALL.keys())
def test_a_cancellation_may_come_at_any_moment(scenario: Scenario) -> None:
    """The mark counts unless money is known, whether it comes before, between or after the events."""
    before, events = record_before("payment_1", scenario), payment_events(scenario, "payment_1")
    without = _after(before, events)
    has_money = status_of(without).situation in WITH_MONEY

    for moment in range(len(events) + 1):
        marked = changes.derive(replace(_after(before, events[:moment]), canceled_at=NOW))
        after = _after(marked, events[moment:])

        published = (after.payment_status, after.status_reason)
        assert published == ((without.payment_status, without.status_reason) if has_money else CANCELED)
        assert (after.checkout_link, status_of(after).can_pay) == (None, CanPay.NO)


def test_at_least_forty_scenarios_are_listed() -> None:
    assert len(ALL) >= 40
