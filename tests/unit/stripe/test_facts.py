import json
from typing import Any

import msgspec
import pytest

from lea_payments.payment.event import PaymentEvent
from lea_payments.payment.facts import STATES, Fact, Kind
from lea_payments.stripe.events import translate
from lea_payments.stripe.facts import FACT_OF, expanded_intent_fact
from lea_payments.stripe.translation.object_fact import NoFact, ObjectFact
from tests.support import stripe_bodies


def _raw(resource: dict[str, Any]) -> bytes:
    return json.dumps(resource).encode()


def _found(resource: dict[str, Any], event_type: str = "") -> ObjectFact:
    found = FACT_OF[resource["object"]](_raw(resource), event_type)
    assert isinstance(found, ObjectFact)
    return found


def _session(**fields: Any) -> dict[str, Any]:
    return stripe_bodies.session("payment_1", created=1, **fields)


OBJECTS = {
    "paid session": ("checkout.session.completed", _session()),
    "expired session": (
        "checkout.session.expired",
        _session(status="expired", payment_status="unpaid", payment_intent=None),
    ),
    "delayed payment": ("checkout.session.completed", _session(payment_status="unpaid")),
    "declined PaymentIntent": ("payment_intent.payment_failed", stripe_bodies.intent_object()),
    "refund": ("refund.updated", stripe_bodies.refund_object(700, "pending")),
    "dispute": ("charge.dispute.created", stripe_bodies.dispute_object("needs_response")),
    "fraud warning": ("radar.early_fraud_warning.created", stripe_bodies.warning_object(actionable=True)),
}


@pytest.mark.parametrize(("event_type", "resource"), OBJECTS.values(), ids=OBJECTS.keys())
def test_an_event_and_a_list_give_the_same_fact(event_type: str, resource: dict[str, Any]) -> None:
    listed = _found(resource)

    event = translate(stripe_bodies.event(event_type, resource), livemode=False)

    assert isinstance(event, PaymentEvent)
    assert (event.object_id, event.fact) == (listed.object_id, listed.fact)
    references = (event.payment_ids, event.session_id, event.intent_ids)
    assert references == (listed.payment_ids, listed.session_id, listed.intent_ids)


def test_a_session_fact_has_money_intent_and_attempt() -> None:
    found = _found(_session(metadata={"attempt": "2", "traceparent": "00-1-2-01"}))

    assert found.fact == Fact(kind=Kind.SESSION, state="paid", amount=4999, currency="sgd", intent="pi_a", attempt=2)
    assert (found.session_id, found.created, found.traceparent) == ("cs_test_a", 1, "00-1-2-01")


@pytest.mark.parametrize(
    ("payment_status", "intent_status", "state"),
    [
        ("paid", "succeeded", "paid"),
        ("unpaid", "processing", "unpaid"),
        ("unpaid", "requires_action", "unpaid"),
        ("unpaid", None, "unpaid"),
        ("unpaid", "requires_payment_method", "failed"),
        ("unpaid", "canceled", "failed"),
        ("paid", "canceled", "paid"),
    ],
)
def test_an_ended_intent_means_that_delayed_money_failed(
    payment_status: str, intent_status: str | None, state: str
) -> None:
    intent = stripe_bodies.intent_object(status=intent_status)

    assert _found(_session(payment_status=payment_status, payment_intent=intent)).fact.state == state


def test_an_expired_session_is_expired_whatever_was_paid() -> None:
    assert _found(_session(status="expired", payment_status="no_payment_required")).fact.state == "expired"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"status": "open"}, "session_open"),
        ({"status": None}, "session_open"),
        ({"status": 5}, "session_open"),
        ({"mode": "setup"}, "session_mode:setup"),
    ],
)
def test_an_open_or_other_session_has_no_fact(fields: dict[str, Any], reason: str) -> None:
    assert FACT_OF["checkout.session"](_raw(_session(**fields))) == NoFact(reason)


def test_an_open_session_shows_the_decline_of_its_intent() -> None:
    intent = stripe_bodies.intent_object(code="lost_card")
    session = _session(status="open", payment_status="unpaid", payment_intent=intent, metadata={"attempt": "2"})

    found = expanded_intent_fact(_raw(session))

    assert isinstance(found, ObjectFact)
    assert found.fact == Fact(kind=Kind.INTENT, state="declined", code="card_declined:lost_card", attempt=2)
    assert (found.object_id, found.payment_ids, found.session_id) == ("pi_a", ("payment_1",), "cs_test_a")


def test_the_attempt_of_the_intent_comes_first() -> None:
    intent = stripe_bodies.intent_object(metadata={"attempt": "3"})
    session = _session(status="open", payment_intent=intent, metadata={"attempt": "2"})

    found = expanded_intent_fact(_raw(session))

    assert isinstance(found, ObjectFact)
    assert found.fact.attempt == 3


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"payment_intent": None}, "not_expanded"),
        ({"payment_intent": "pi_a"}, "not_expanded"),
        ({"payment_intent": stripe_bodies.intent_object(code=None)}, "not_declined"),
        ({"payment_intent": stripe_bodies.intent_object(), "mode": "subscription"}, "not_expanded"),
        ({"payment_intent": stripe_bodies.intent_object(), "status": "complete"}, "not_declined"),
    ],
)
def test_a_session_without_a_decline_has_no_second_fact(fields: dict[str, Any], reason: str) -> None:
    session = _session(**({"status": "open", "payment_status": "unpaid"} | fields))

    assert expanded_intent_fact(_raw(session)) == NoFact(reason)


def test_a_listed_intent_without_an_error_has_no_fact() -> None:
    assert FACT_OF["payment_intent"](_raw(stripe_bodies.intent_object(code=None))) == NoFact("not_declined")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ({"code": "card_declined", "decline_code": "lost_card"}, "card_declined:lost_card"),
        ({"code": "expired_card"}, "expired_card"),
        ({"code": "of Jane Doe", "decline_code": "lost_card"}, "lost_card"),
        ({"code": 5, "decline_code": ["lost_card"]}, "unknown"),
        ({}, "unknown"),
        (None, "unknown"),
    ],
)
def test_a_decline_has_its_codes(error: dict[str, Any] | None, code: str) -> None:
    intent = stripe_bodies.intent_object(last_payment_error=error, metadata={"attempt": "2"})

    fact = _found(intent, "payment_intent.payment_failed").fact

    assert fact == Fact(kind=Kind.INTENT, state="declined", code=code, attempt=2)


def test_a_refund_fact_has_amount_and_intent() -> None:
    found = _found(stripe_bodies.refund_object(700, "succeeded", id="re_1"))

    assert found.object_id == "re_1"
    assert found.fact == Fact(kind=Kind.REFUND, state="succeeded", amount=700, intent="pi_a")


@pytest.mark.parametrize("state", [*STATES[Kind.REFUND], *STATES[Kind.DISPUTE], "of_tomorrow"])
def test_every_state_of_refunds_and_disputes_is_kept(state: str) -> None:
    assert _found(stripe_bodies.refund_object(700, state)).fact.state == state
    assert _found(stripe_bodies.dispute_object(state)).fact.state == state


@pytest.mark.parametrize(("due", "kept"), [(1_800_000_000, 1_800_000_000), (None, None), ("soon", None), (-1, None)])
def test_a_dispute_fact_has_the_due_date_of_evidence(due: Any, kept: int | None) -> None:
    found = _found(stripe_bodies.dispute_object("needs_response", evidence_details={"due_by": due}))

    assert found.fact == Fact(kind=Kind.DISPUTE, state="needs_response", amount=4999, intent="pi_a", due=kept)


@pytest.mark.parametrize(("intent", "object_id"), [("pi_a", "dispute:pi_a"), (None, "dispute:")])
def test_a_dispute_without_an_id_is_known_by_its_intent(intent: str | None, object_id: str) -> None:
    assert _found(stripe_bodies.dispute_object("lost", id=None, payment_intent=intent)).object_id == object_id


def test_a_charge_fact_has_the_total_of_its_refunds() -> None:
    charge = {"id": "ch_1", "object": "charge", "amount_refunded": 700, "payment_intent": "pi_a"}

    found = _found(charge)

    assert found.object_id == "ch_1"
    assert found.fact == Fact(kind=Kind.CHARGE, state="refunded", amount=700, intent="pi_a")


@pytest.mark.parametrize("intent", ["pi_1", {"id": "pi_1", "object": "payment_intent"}], ids=["id", "expanded"])
@pytest.mark.parametrize(
    "resource",
    [_session(), stripe_bodies.refund_object(1, "failed"), stripe_bodies.dispute_object("won")],
    ids=lambda resource: str(resource["object"]),
)
def test_a_payment_intent_can_be_expanded(resource: dict[str, Any], intent: Any) -> None:
    found = _found(resource | {"payment_intent": intent})

    assert (found.fact.intent, found.intent_ids) == ("pi_1", ("pi_1",))


@pytest.mark.parametrize(
    ("reference", "named", "payment_ids", "intent_ids"),
    [
        ("ours", "from_metadata", ("ours", "from_metadata"), ("pi_a",)),
        (None, "from_metadata", ("from_metadata",), ("pi_a",)),
        ("ours", "ours", ("ours",), ("pi_a",)),
        ("ours", "pi_of_another", ("ours",), ("pi_a", "pi_of_another")),
        (None, "pi_a", (), ("pi_a",)),
        ("", "", (), ("pi_a",)),
        (None, None, (), ("pi_a",)),
    ],
)
def test_references_are_in_the_order_of_their_trial(
    reference: str | None, named: str | None, payment_ids: tuple[str, ...], intent_ids: tuple[str, ...]
) -> None:
    found = _found(_session(client_reference_id=reference, metadata={"payment_intent_id": named}))

    assert (found.payment_ids, found.intent_ids) == (payment_ids, intent_ids)


@pytest.mark.parametrize("text", ["0", "-1", "1.0", "two", "1234567", "", " 2", "\uff12"])
def test_a_text_that_is_no_attempt_is_not_one(text: str) -> None:
    assert _found(_session(metadata={"attempt": text})).fact.attempt is None


@pytest.mark.parametrize("created", ["today", -1, 1.5, True, 10**12, None])
def test_a_time_that_cannot_be_read_is_unknown(created: Any) -> None:
    assert _found(_session() | {"created": created}).created is None


@pytest.mark.parametrize(
    ("object_type", "resource"),
    [
        ("checkout.session", {"id": "cs_1", "object": "refund"}),
        ("checkout.session", _session(amount_total=49.99)),
        ("checkout.session", _session(amount_total=-1, payment_status="unpaid")),
        ("checkout.session", _session(currency=5)),
        ("checkout.session", _session(id="")),
        ("refund", stripe_bodies.refund_object(-1, "succeeded")),
        ("radar.early_fraud_warning", {"id": "issfr_1", "object": "radar.early_fraud_warning"}),
    ],
)
def test_an_object_that_cannot_be_read_is_rejected(object_type: str, resource: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        FACT_OF[object_type](_raw(resource))
