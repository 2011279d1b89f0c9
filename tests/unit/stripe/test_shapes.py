import json
from typing import Any

import msgspec
import pytest

from lea_payments.payment.event import PaymentEvent
from lea_payments.payment.facts import Kind
from lea_payments.stripe.errors import InvalidPayloadError
from lea_payments.stripe.events import EVENT_TYPES, translate
from lea_payments.stripe.shapes import Event, decode_event, decode_session
from tests.support import stripe_bodies


def _translated(body: bytes) -> PaymentEvent:
    event = translate(body, livemode=False)
    assert isinstance(event, PaymentEvent)
    return event


@pytest.mark.parametrize(
    "body",
    [
        stripe_bodies.completed("p", payment_intent=stripe_bodies.intent_object()),
        stripe_bodies.awaiting("p"),
        stripe_bodies.async_failed("p", amount_total="all", metadata=[1]),
        stripe_bodies.expired("p"),
    ],
)
def test_one_pass_decodes_the_same_session_as_two(body: bytes) -> None:
    event = decode_event(body)
    undecoded = msgspec.json.decode(body, type=Event[msgspec.Raw])

    assert isinstance(event, Event)
    assert event.data.object == decode_session(undecoded.data.object)
    assert msgspec.structs.asdict(event) | {"data": undecoded.data} == msgspec.structs.asdict(undecoded)


def test_the_types_of_events_with_a_session_have_one_prefix() -> None:
    """`decode_event` recognizes them by it."""
    with_session = {name for name, object_type in EVENT_TYPES.items() if object_type == "checkout.session"}

    assert with_session == {name for name in EVENT_TYPES if name.startswith("checkout.session.")}


@pytest.mark.parametrize("event_type", [name for name, kind in EVENT_TYPES.items() if kind != "checkout.session"])
def test_a_session_in_an_event_of_another_object_is_rejected(event_type: str) -> None:
    with pytest.raises(InvalidPayloadError):
        translate(stripe_bodies.event(event_type, stripe_bodies.session("p")), livemode=False)


UNUSED = {"status": 5, "payment_status": ["paid"], "amount_total": "all", "currency": {}, "customer": 1.5}


@pytest.mark.parametrize("make", [stripe_bodies.expired, stripe_bodies.async_failed])
def test_an_unpaid_session_can_have_any_other_field(make: Any) -> None:
    body = stripe_bodies.event(json.loads(make("p"))["type"], stripe_bodies.session("p") | UNUSED)

    event = _translated(body)

    assert event.payment_ids == ("p",)
    assert (event.fact.amount, event.fact.currency) == (None, None)


@pytest.mark.parametrize(
    ("event_type", "resource", "kind"),
    [
        ("charge.dispute.closed", {"object": "dispute", "status": "won", "id": None}, Kind.DISPUTE),
        ("charge.dispute.closed", {"object": "dispute", "status": "of_tomorrow", "amount": "?"}, Kind.DISPUTE),
        ("charge.dispute.closed", {"object": "dispute", "status": "", "created": {}}, Kind.DISPUTE),
        ("charge.dispute.closed", {"object": "dispute", "status": "won", "evidence_details": None}, Kind.DISPUTE),
        ("charge.refunded", {"object": "charge", "amount_refunded": 1, "status": 7}, Kind.CHARGE),
        ("refund.updated", {"object": "refund", "amount": 1, "currency": []}, Kind.REFUND),
        ("refund.updated", {"object": "refund", "amount": 1, "status": None}, Kind.REFUND),
        ("payment_intent.payment_failed", {"object": "payment_intent", "id": "pi_1", "amount": "?"}, Kind.INTENT),
        (
            "radar.early_fraud_warning.created",
            {"object": "radar.early_fraud_warning", "id": "issfr_1", "actionable": True, "fraud_type": 5},
            Kind.WARNING,
        ),
    ],
)
def test_unused_fields_can_be_missing_or_odd(event_type: str, resource: dict[str, Any], kind: Kind) -> None:
    assert _translated(stripe_bodies.event(event_type, resource)).fact.kind == kind


def test_metadata_of_others_can_have_any_value() -> None:
    metadata = {"payment_intent_id": "ours", "note": "x" * 9000, "number": 5, "nested": {"a": []}}

    assert _translated(stripe_bodies.completed(None, metadata=metadata)).payment_ids == ("ours",)


@pytest.mark.parametrize("value", [5, None, [], {"id": "p"}, "x" * 501, True])
def test_unusable_metadata_does_not_reject_an_event(value: Any) -> None:
    names = dict.fromkeys(("payment_intent_id", "attempt", "traceparent"), value)

    event = _translated(stripe_bodies.completed("p", metadata=names))

    assert (event.payment_ids, event.fact.attempt, event.traceparent) == (("p",), None, None)


@pytest.mark.parametrize("metadata", [[], "text", 5, 1.5, True, None])
def test_metadata_can_be_something_else(metadata: Any) -> None:
    assert _translated(stripe_bodies.completed("p", metadata=metadata)).payment_ids == ("p",)
    assert _translated(stripe_bodies.refund("refund.updated", 1, "failed", metadata=metadata)).payment_ids == ()


@pytest.mark.parametrize(
    "text", [b"\\ud83d", b"\\uDE00", b"\\ud83d \\uD83D\\ude00 \\ud83d"], ids=["high", "low", "mixed"]
)
def test_a_lone_surrogate_in_an_unused_field_is_accepted(text: bytes) -> None:
    body = stripe_bodies.completed("p").replace(b"Someone", text)

    assert _translated(body).payment_ids == ("p",)
