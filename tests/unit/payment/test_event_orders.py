import itertools
import random
from collections.abc import Iterable, Sequence

import pytest

from lea_payments.payment.changes import apply
from lea_payments.payment.event import PaymentEvent
from lea_payments.payment.record import Payment
from tests.support import stripe_bodies
from tests.support.scenario import PAID, Scenario
from tests.support.scenarios import (
    AFTER_PAYMENT,
    SCENARIOS,
    expected_fields,
    order_independent_fields,
    payment_events,
    record_before,
)

NOW = "2026-01-01T00:00:01.000Z"
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
        if events:
            assert order_independent_fields(_after(before, order)) == expected
    assert events or expected["payment_status"] == "pending"
