import json
from typing import Any

import pytest

from lea_payments.payment.event import Fact, Outcome, PaymentEvent
from lea_payments.payment.record import Dispute
from lea_payments.stripe.errors import InvalidPayloadError
from lea_payments.stripe.events import Ignored, read, translate
from tests.support import stripe_bodies


def _translated(body: bytes) -> PaymentEvent:
    event = translate(body, livemode=False)
    assert isinstance(event, PaymentEvent)
    return event


@pytest.mark.parametrize(
    ("body", "fact"),
    [
        (stripe_bodies.completed("p"), Fact.PAID),
        (stripe_bodies.completed("p", payment_status="no_payment_required"), Fact.PAID),
        (stripe_bodies.awaiting("p"), Fact.AWAITING_FUNDS),
        (stripe_bodies.async_paid("p"), Fact.PAID),
        (stripe_bodies.async_failed("p"), Fact.ASYNC_FAILED),
        (stripe_bodies.expired("p"), Fact.SESSION_EXPIRED),
        (stripe_bodies.declined("p"), Fact.DECLINED),
        (stripe_bodies.refunded("p", 1), Fact.REFUNDED),
        (stripe_bodies.refund("refund.updated", 1, "succeeded"), Fact.REFUNDED),
        (stripe_bodies.refund("refund.updated", 1, "failed"), Fact.REFUND_FAILED),
        (stripe_bodies.refund("refund.failed", 1, "failed"), Fact.REFUND_FAILED),
        (stripe_bodies.dispute("created", "needs_response"), Fact.DISPUTED),
    ],
)
def test_each_event_type_has_its_fact(body: bytes, fact: Fact) -> None:
    assert _translated(body).fact is fact


def test_the_reference_comes_before_the_metadata() -> None:
    metadata = {"payment_intent_id": "from_metadata", "traceparent": "00-1-2-01"}
    both = _translated(stripe_bodies.completed("ours", metadata=metadata))

    assert (both.payment_id, both.traceparent) == ("ours", "00-1-2-01")
    assert _translated(stripe_bodies.completed(None, metadata=metadata)).payment_id == "from_metadata"


@pytest.mark.parametrize("intent", ["pi_1", {"id": "pi_1", "object": "payment_intent"}], ids=["id", "expanded"])
def test_a_payment_intent_can_be_expanded(intent: Any) -> None:
    assert _translated(stripe_bodies.completed("p", payment_intent=intent)).stripe_payment_intent == "pi_1"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ({"code": "card_declined", "decline_code": "lost_card"}, "card_declined:lost_card"),
        ({"code": "expired_card"}, "expired_card"),
        ({}, "unknown"),
        (None, "unknown"),
    ],
)
def test_a_decline_carries_its_codes(error: dict[str, str] | None, reason: str) -> None:
    intent = {"id": "pi_1", "object": "payment_intent", "last_payment_error": error}

    assert _translated(stripe_bodies.event("payment_intent.payment_failed", intent)).reason == reason


@pytest.mark.parametrize(
    ("status", "stage"),
    [("warning_closed", Dispute.WON), ("under_review", Dispute.REVIEW), ("unknown", Dispute.OPEN)],
)
def test_a_disputes_status_becomes_a_stage(status: str, stage: Dispute) -> None:
    assert _translated(stripe_bodies.dispute("updated", status)).dispute is stage


def test_unused_event_types_are_ignored_with_any_object() -> None:
    event = translate(stripe_bodies.event("customer.created", {"id": 5}), livemode=False)

    assert isinstance(event, Ignored)
    assert event.outcome is Outcome.IGNORED


def test_a_refund_of_zero_is_ignored() -> None:
    event = translate(stripe_bodies.refunded("p", 0), livemode=False)

    assert isinstance(event, Ignored)


def test_an_event_of_the_other_mode_is_not_applied() -> None:
    event = translate(stripe_bodies.completed("p"), livemode=True)

    assert isinstance(event, Ignored)
    assert event.outcome is Outcome.WRONG_MODE


EVENT = json.loads(stripe_bodies.completed("p"))
THIN_EVENT = {"id": "evt_1", "object": "v2.core.event", "type": "v1.checkout.session.completed", "livemode": False}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(stripe_bodies.completed("p")[:-20], id="truncated"),
        pytest.param(b"[]", id="list"),
        pytest.param(b'"text"', id="text"),
        pytest.param(json.dumps(THIN_EVENT).encode(), id="thin event"),
        pytest.param(json.dumps(EVENT | {"created": "today"}).encode(), id="wrong type"),
        pytest.param(json.dumps(EVENT | {"created": -1}).encode(), id="before 1970"),
        pytest.param(json.dumps(EVENT | {"data": {}}).encode(), id="no object"),
        pytest.param(json.dumps(EVENT | {"livemode": None}).encode(), id="no mode"),
        pytest.param(stripe_bodies.completed("p", payment_status="unknown"), id="unknown payment status"),
        pytest.param(stripe_bodies.completed("p", amount_total=10**40), id="amount too large"),
        pytest.param(stripe_bodies.completed("p", amount_total=49.99), id="fractional amount"),
        pytest.param(stripe_bodies.completed("p" * 501), id="reference too long"),
        pytest.param(stripe_bodies.event("charge.refunded", stripe_bodies.session("p")), id="another object"),
        pytest.param(b'{"data":' + b"[" * 100_000, id="deep nesting"),
        pytest.param(stripe_bodies.completed("p").replace(b'_id": "p"', b'_id": "\xff"'), id="not UTF-8"),
        pytest.param(json.dumps(EVENT).encode("utf-16"), id="UTF-16"),
    ],
)
def test_a_body_that_is_not_a_snapshot_event_is_rejected(body: bytes) -> None:
    with pytest.raises(InvalidPayloadError):
        translate(body, livemode=False)


def test_deep_nesting_in_an_event_is_rejected() -> None:
    deep = b"[" * 60_000 + b"]" * 60_000
    body = stripe_bodies.completed("p").replace(b'"metadata": {}', b'"metadata": {}, "extra": ' + deep)

    with pytest.raises(InvalidPayloadError):
        translate(body, livemode=False)


def test_a_delivery_is_verified_and_translated() -> None:
    body = stripe_bodies.completed("p")
    header = stripe_bodies.sign(body, at=1000)

    delivery = read(body, header, secrets=("whsec_new", stripe_bodies.SECRET), now=1001, livemode=False)

    assert delivery == (translate(body, livemode=False), 1, 1000)


def test_an_error_does_not_show_an_unknown_enum_value() -> None:
    with pytest.raises(InvalidPayloadError, match=r"Invalid enum value - at `\$\.payment_status`") as error_info:
        translate(stripe_bodies.completed("p", payment_status="Jane Doe"), livemode=False)

    assert "Jane" not in str(error_info.value)
