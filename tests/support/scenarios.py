"""Collects the scenarios of one payment: its events, which can arrive in any order, and the record after them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import asdict, replace

from lea_payments.payment.event import PaymentEvent
from lea_payments.payment.evidence import with_evidence
from lea_payments.payment.facts import Facts, with_fact
from lea_payments.payment.record import Payment
from lea_payments.stripe import events as stripe_events
from lea_payments.stripe import facts as stripe_facts
from lea_payments.stripe.translation.object_fact import ObjectFact
from tests.support.refund_scenarios import INTENT_SCENARIOS, MONEY_SCENARIOS
from tests.support.scenario import ListedObject, Scenario
from tests.support.session_scenarios import SESSION_SCENARIOS

ORDER_DEPENDENT = ("history", "version", "updated_at", "webhook_processed_at", "created_at", "awaiting_funds_on")
"""The fields that depend on the order of the events: times, the history and the number of writes."""

SCENARIOS: Mapping[str, Scenario] = {**SESSION_SCENARIOS, **MONEY_SCENARIOS}
"""Scenarios of which every event names the payment."""

AFTER_PAYMENT: Mapping[str, Scenario] = INTENT_SCENARIOS
"""Scenarios of a completed payment: these events name only its PaymentIntent."""


def record(payment_id: str) -> Payment:
    """A payment with the open session cs_test_a."""
    return Payment(
        payment_intent_id=payment_id,
        user_id="user_1",
        quote_id="quote_1",
        stripe_session_id="cs_test_a",
        amount=4999,
        currency="sgd",
        product_name="Travel insurance",
        created_at="2026-01-01T00:00:00.000Z",
    )


def record_before(payment_id: str, scenario: Scenario) -> Payment:
    """The payment before the scenario, as it is read from the table."""
    before = replace(record(payment_id), **scenario.before)
    return replace(before, facts=with_evidence(before))


def payment_events(scenario: Scenario, payment_id: str) -> Sequence[PaymentEvent]:
    """What the scenario's events and listed objects report about the payment."""
    return [*_delivered(scenario, payment_id), *listed_events(scenario, payment_id)]


def listed_events(scenario: Scenario, payment_id: str) -> Sequence[PaymentEvent]:
    """What the scenario's listed objects report about the payment."""
    return [event for listed in scenario.objects(payment_id) for event in _listed(listed)]


def order_independent_fields(payment: Payment) -> dict[str, Any]:
    """The fields that are the same for every order of the events."""
    return {name: value for name, value in asdict(payment).items() if name not in ORDER_DEPENDENT}


def expected_fields(payment: Payment, scenario: Scenario) -> dict[str, Any]:
    """The order-independent fields of this payment after the scenario."""
    events = payment_events(scenario, payment.payment_intent_id)
    facts: Facts = {**payment.facts, **record_before(payment.payment_intent_id, scenario).facts}
    for event in events:
        facts = with_fact(facts, event.object_id, event.fact)
    rank = {"status_rank": 0} if events else {}
    fields = {**rank, **scenario.before, **scenario.final_fields, "facts": facts}
    return order_independent_fields(replace(payment, **fields))


def _delivered(scenario: Scenario, payment_id: str) -> Iterator[PaymentEvent]:
    for body in scenario.events(payment_id):
        event = stripe_events.translate(body, livemode=False)
        if isinstance(event, PaymentEvent):
            yield event


def _listed(listed: ListedObject) -> Iterator[PaymentEvent]:
    raw = msgspec.Raw(json.dumps(listed.fields).encode())
    results = [stripe_facts.FACT_OF[listed.object_type](raw)]
    if listed.object_type == stripe_facts.SESSION:
        results.append(stripe_facts.expanded_intent_fact(raw))
    for found in results:
        if isinstance(found, ObjectFact):
            yield stripe_events.payment_event(found.object_id, listed.object_type, 0, found)
