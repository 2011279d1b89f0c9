import json
from typing import Any

import pytest

from lea_payments.payment.event import Outcome, PaymentEvent
from lea_payments.payment.facts import Kind
from lea_payments.stripe.errors import InvalidPayloadError
from lea_payments.stripe.events import EVENT_TYPES, Ignored, VerifiedDelivery, read, translate
from lea_payments.stripe.facts import FACT_OF
from tests.support import stripe_bodies


def _translated(body: bytes) -> PaymentEvent:
    event = translate(body, livemode=False)
    assert isinstance(event, PaymentEvent)
    return event


def _reason(body: bytes) -> str:
    """Returns the reason why the event is ignored."""
    event = translate(body, livemode=False)
    assert isinstance(event, Ignored)
    assert event.outcome is Outcome.IGNORED
    return event.reason


@pytest.mark.parametrize(
    ("body", "kind", "state"),
    [
        (stripe_bodies.completed("p"), Kind.SESSION, "paid"),
        (stripe_bodies.completed("p", payment_status="no_payment_required"), Kind.SESSION, "paid"),
        (stripe_bodies.awaiting("p"), Kind.SESSION, "unpaid"),
        (stripe_bodies.async_paid("p"), Kind.SESSION, "paid"),
        (stripe_bodies.async_failed("p"), Kind.SESSION, "failed"),
        (stripe_bodies.expired("p"), Kind.SESSION, "expired"),
        (stripe_bodies.declined("p"), Kind.INTENT, "declined"),
        (stripe_bodies.refunded("p", 1), Kind.CHARGE, "refunded"),
        (stripe_bodies.refund("refund.created", 1, "pending"), Kind.REFUND, "pending"),
        (stripe_bodies.refund("refund.updated", 1, "succeeded"), Kind.REFUND, "succeeded"),
        (stripe_bodies.refund("refund.updated", 1, "failed"), Kind.REFUND, "failed"),
        (stripe_bodies.refund("refund.failed", 1, "succeeded"), Kind.REFUND, "failed"),
        (stripe_bodies.dispute("created", "needs_response"), Kind.DISPUTE, "needs_response"),
        (stripe_bodies.dispute("updated", "under_review"), Kind.DISPUTE, "under_review"),
        (stripe_bodies.dispute("closed", "won"), Kind.DISPUTE, "won"),
        (stripe_bodies.fraud_warning("created", actionable=True), Kind.WARNING, "actionable"),
        (stripe_bodies.fraud_warning("updated", actionable=False), Kind.WARNING, "not_actionable"),
    ],
)
def test_each_event_reports_the_state_of_its_object(body: bytes, kind: Kind, state: str) -> None:
    event = _translated(body)

    assert (event.fact.kind, event.fact.state) == (kind, state)
    assert event.object_id == json.loads(body)["data"]["object"]["id"]
    assert (event.type, event.created) == (json.loads(body)["type"], json.loads(body)["created"])


def test_every_event_type_has_a_translation() -> None:
    assert {*EVENT_TYPES.values()} == FACT_OF.keys()


def test_an_event_has_the_time_of_its_session() -> None:
    assert _translated(stripe_bodies.completed("p", created=5)).session_created == 5
    assert _translated(stripe_bodies.refund("refund.updated", 1, "failed", created=5)).session_created is None


def test_unused_event_types_are_ignored_with_any_object() -> None:
    assert _reason(stripe_bodies.event("customer.created", {"id": 5})) == "unused_type"


def test_a_charge_without_refunds_is_ignored() -> None:
    assert _reason(stripe_bodies.refunded("p", 0)) == "nothing_refunded"


@pytest.mark.parametrize(
    ("names", "own", "is_ours"),
    [
        ({}, "", True),
        ({}, "acct_1", True),
        ({"account": None, "context": None}, "acct_1", True),
        ({"account": "acct_1"}, "acct_1", True),
        ({"context": "acct_1"}, "acct_1", True),
        ({"account": "acct_1", "context": "acct_1"}, "acct_1", True),
        ({"account": "acct_1"}, "", False),
        ({"context": "acct_1"}, "", False),
        ({"account": "acct_2"}, "acct_1", False),
        ({"account": "acct_1", "context": "acct_2"}, "acct_1", False),
        ({"account": "acct_12"}, "acct_1", False),
        ({"account": {"id": "acct_1"}}, "acct_1", False),
        ({"context": 5}, "", False),
        ({"account": "acct_2", "livemode": True}, "acct_1", False),
    ],
)
def test_an_event_of_another_account_is_ignored(names: dict[str, Any], own: str, is_ours: bool) -> None:
    body = stripe_bodies.event("checkout.session.completed", stripe_bodies.session("p"), **names)

    event = translate(body, livemode=False, account=own)

    assert isinstance(event, PaymentEvent) is is_ours
    assert isinstance(event, PaymentEvent) or (event.outcome, event.reason) == (Outcome.IGNORED, "other_account")


MAKE_SESSION_EVENT = [
    stripe_bodies.completed,
    stripe_bodies.awaiting,
    stripe_bodies.async_paid,
    stripe_bodies.async_failed,
    stripe_bodies.expired,
]


@pytest.mark.parametrize("make", MAKE_SESSION_EVENT)
@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("setup", "session_mode:setup"),
        ("subscription", "session_mode:subscription"),
        ("of Jane Doe", "session_mode"),
        ("", "session_mode"),
    ],
)
def test_a_session_that_collects_no_payment_is_ignored(make: Any, mode: str, reason: str) -> None:
    assert _reason(make("p", mode=mode)) == reason


@pytest.mark.parametrize("make", MAKE_SESSION_EVENT)
@pytest.mark.parametrize("mode", ["payment", None])
def test_a_session_that_collects_a_payment_is_used(make: Any, mode: str | None) -> None:
    assert _translated(make("p", mode=mode)).payment_ids == ("p",)


@pytest.mark.parametrize("make", [stripe_bodies.completed, stripe_bodies.async_paid])
@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("partially_paid", "partially_paid"),
        ("paid by Jane Doe", "unknown"),
        ("p" * 51, "unknown"),
        (None, "unknown"),
        (["paid"], "unknown"),
    ],
)
def test_an_unknown_payment_status_is_stored_and_not_paid(make: Any, status: Any, state: str) -> None:
    assert _translated(make("p", payment_status=status)).fact.state == state


def test_a_thin_event_is_ignored() -> None:
    created = {"created": "2026-11-26T00:00:00.000Z", "livemode": True, "context": "acct_9"}

    event = translate(json.dumps(THIN_EVENT | created).encode(), livemode=False)

    assert event == Ignored("evt_1", "v2.core.event_destination.ping", None, Outcome.IGNORED, "thin_payload")


def test_an_event_of_the_other_mode_is_not_applied() -> None:
    event = translate(stripe_bodies.completed("p"), livemode=True)

    assert isinstance(event, Ignored)
    assert (event.outcome, event.reason) == (Outcome.WRONG_MODE, "other_mode")


EVENT = json.loads(stripe_bodies.completed("p"))
THIN_EVENT = {"id": "evt_1", "object": "v2.core.event", "type": "v2.core.event_destination.ping"}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(stripe_bodies.completed("p")[:-20], id="truncated"),
        pytest.param(b"[]", id="list"),
        pytest.param(b'"text"', id="text"),
        pytest.param(json.dumps(THIN_EVENT | {"type": None}).encode(), id="thin event without a type"),
        pytest.param(json.dumps(EVENT | {"created": "today"}).encode(), id="wrong type"),
        pytest.param(json.dumps(EVENT | {"created": -1}).encode(), id="before 1970"),
        pytest.param(json.dumps(EVENT | {"data": {}}).encode(), id="no object"),
        pytest.param(json.dumps(EVENT | {"livemode": None}).encode(), id="no mode"),
        pytest.param(stripe_bodies.completed("p", amount_total=10**40), id="amount too large"),
        pytest.param(stripe_bodies.completed("p", amount_total=49.99), id="fractional amount"),
        pytest.param(stripe_bodies.completed("p" * 501), id="reference too long"),
        pytest.param(stripe_bodies.event("charge.refunded", stripe_bodies.session("p")), id="another object"),
        pytest.param(b'{"data":' + b"[" * 100_000, id="deep nesting"),
        pytest.param(stripe_bodies.completed("p").replace(b'_id": "p"', b'_id": "\xff"'), id="not UTF-8"),
        pytest.param(json.dumps(EVENT).encode("utf-16"), id="UTF-16"),
        pytest.param(b'{"data": "\\ud800', id="lone surrogate, truncated"),
        pytest.param(b'{"data": "\\ud800"}', id="lone surrogate, no event"),
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

    assert delivery == VerifiedDelivery(translate(body, livemode=False), 1, 1000)


def test_an_error_does_not_show_an_unknown_enum_value() -> None:
    with pytest.raises(InvalidPayloadError, match=r"Invalid enum value - at `\$\.object`") as error_info:
        translate(stripe_bodies.completed("p", object="Jane Doe"), livemode=False)

    assert "Jane" not in str(error_info.value)
