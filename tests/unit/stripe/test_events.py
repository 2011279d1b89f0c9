import json
from typing import Any

import pytest

from lea_payments.payment.event import Fact, Outcome, PaymentEvent
from lea_payments.payment.record import Dispute
from lea_payments.stripe.errors import InvalidPayloadError
from lea_payments.stripe.events import Ignored, translate
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
def test_each_event_type_tells_its_fact(body: bytes, fact: Fact) -> None:
    assert _translated(body).fact is fact


def test_our_reference_comes_before_the_metadata() -> None:
    metadata = {"payment_intent_id": "from_metadata", "traceparent": "00-1-2-01"}
    both = _translated(stripe_bodies.completed("ours", metadata=metadata))

    assert (both.payment_id, both.traceparent) == ("ours", "00-1-2-01")
    assert _translated(stripe_bodies.completed(None, metadata=metadata)).payment_id == "from_metadata"


@pytest.mark.parametrize("intent", ["pi_1", {"id": "pi_1", "object": "payment_intent"}], ids=["id", "expanded"])
def test_a_payment_intent_is_read_from_its_id_and_from_the_whole_object(intent: Any) -> None:
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
    [("warning_closed", Dispute.WON), ("under_review", Dispute.REVIEW), ("of_next_year", Dispute.OPEN)],
)
def test_a_disputes_status_becomes_a_stage(status: str, stage: Dispute) -> None:
    assert _translated(stripe_bodies.dispute("updated", status)).dispute is stage


def test_types_we_do_not_use_are_ignored_whatever_they_hold() -> None:
    event = translate(stripe_bodies.event("customer.created", {"id": 5}), livemode=False)

    assert isinstance(event, Ignored)
    assert event.outcome is Outcome.IGNORED


def test_a_refund_of_nothing_asks_nothing() -> None:
    event = translate(stripe_bodies.refunded("p", 0), livemode=False)

    assert isinstance(event, Ignored)


def test_an_event_of_the_other_mode_is_named_so() -> None:
    event = translate(stripe_bodies.completed("p"), livemode=True)

    assert isinstance(event, Ignored)
    assert event.outcome is Outcome.WRONG_MODE


WHOLE = json.loads(stripe_bodies.completed("p"))
THIN = {"id": "evt_1", "object": "v2.core.event", "type": "v1.checkout.session.completed", "livemode": False}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(stripe_bodies.completed("p")[:-20], id="truncated"),
        pytest.param(b"[]", id="list"),
        pytest.param(b'"text"', id="text"),
        pytest.param(json.dumps(THIN).encode(), id="thin event"),
        pytest.param(json.dumps(WHOLE | {"created": "today"}).encode(), id="wrong type"),
        pytest.param(json.dumps(WHOLE | {"created": -1}).encode(), id="before 1970"),
        pytest.param(json.dumps(WHOLE | {"data": {}}).encode(), id="no object"),
        pytest.param(json.dumps(WHOLE | {"livemode": None}).encode(), id="no mode"),
        pytest.param(stripe_bodies.completed("p", payment_status="of_next_year"), id="unknown payment status"),
        pytest.param(stripe_bodies.completed("p", amount_total=10**40), id="endless amount"),
        pytest.param(stripe_bodies.completed("p", amount_total=49.99), id="broken amount"),
        pytest.param(stripe_bodies.completed("p" * 501), id="endless reference"),
        pytest.param(stripe_bodies.event("charge.refunded", stripe_bodies.session("p")), id="another object"),
        pytest.param(b'{"data":' + b"[" * 100_000, id="deep nesting"),
        pytest.param(stripe_bodies.completed("p").replace(b'_id": "p"', b'_id": "\xff"'), id="not UTF-8"),
        pytest.param(json.dumps(WHOLE).encode("utf-16"), id="UTF-16"),
    ],
)
def test_what_is_not_a_snapshot_event_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidPayloadError):
        translate(body, livemode=False)


def test_deep_nesting_in_a_whole_event_is_refused_or_read_but_never_crashes() -> None:
    deep = b"[" * 60_000 + b"]" * 60_000
    body = stripe_bodies.completed("p").replace(b'"metadata": {}', b'"metadata": {}, "extra": ' + deep)

    with pytest.raises(InvalidPayloadError):
        translate(body, livemode=False)
