"""Compares the tables of events and reasons with the code that they describe."""

from collections.abc import Mapping, Sequence

import pytest

from lea_payments.payment import situations
from lea_payments.payment.event import PaymentEvent
from lea_payments.payment.facts import STATES
from lea_payments.payment.situations import RULES, Situation
from lea_payments.stripe.events import EVENT_TYPES, REQUIRED_EVENT_TYPES, translate
from lea_payments.telemetry import metrics
from tests.docs import model, reference
from tests.support import stripe_bodies

STATUSES: Mapping[str, Sequence[str]] = {"refund": STATES["refund"], "dispute": STATES["dispute"]}
"""Stripe's statuses of the objects whose events report any of them."""


def _objects(event_type: str) -> Sequence[dict[str, object]]:
    """An object in every state that an event of this type can report."""
    object_type = EVENT_TYPES[event_type]
    common = {"id": "an_id", "object": object_type, "amount": 1, "amount_refunded": 1, "payment_intent": "pi_a"}
    if object_type == "checkout.session":
        return [{**stripe_bodies.session("payment_1"), "payment_status": status} for status in ("unpaid", "paid")]
    if object_type == "radar.early_fraud_warning":
        return [{**common, "actionable": actionable} for actionable in (True, False)]
    if event_type == "charge.succeeded":
        return [{**common, "amount_refunded": 0, "payment_method_details": {"type": "paynow", "paynow": {}}}]
    return [{**common, "status": status} for status in STATUSES.get(object_type, ("any",))]


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_every_event_says_what_is_documented(event_type: str) -> None:
    meaning = model.MEANINGS[event_type]
    events = [translate(stripe_bodies.event(event_type, item), livemode=False) for item in _objects(event_type)]

    facts = [event.fact for event in events if isinstance(event, PaymentEvent)]
    assert len(facts) == len(events)
    assert {fact.kind for fact in facts} == {meaning.kind}
    assert {fact.state for fact in facts} == set(meaning.states or STATES[meaning.kind])


def test_only_the_events_in_use_are_documented() -> None:
    assert model.MEANINGS.keys() == EVENT_TYPES.keys()


def test_every_kind_of_fact_is_documented() -> None:
    assert model.KEPT.keys() == STATES.keys()


def test_every_reason_is_documented() -> None:
    without_reason = {Situation.PAID, Situation.EXPIRED, Situation.PENDING}

    assert model.REASONS.keys() == RULES.keys() - without_reason
    assert model.REVIEWS.keys() == set(situations.REVIEW_REASONS)
    assert reference.IGNORED.keys() == set(metrics.IGNORED_REASONS)


@pytest.mark.parametrize("document", reference.SECTIONS)
def test_every_generated_section_is_current(document: str) -> None:
    assert (reference.ROOT / document).read_text() == reference.with_sections(document), "run `make docs`"


def test_the_readme_lists_exactly_the_events_needed() -> None:
    readme = (reference.ROOT / "README.md").read_text()
    section = readme.partition("<!-- events -->\n")[2].partition("<!-- /events -->")[0]

    assert section.splitlines() == [f"- `{name}`" for name in REQUIRED_EVENT_TYPES]
