import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lea_payments.payment.facts import Fact, Kind, method_of
from lea_payments.stripe.translation.charges import charge_fact, method_text
from lea_payments.stripe.translation.object_fact import NoFact, ObjectFact
from tests.support import stripe_bodies

CARD = {"type": "card", "card": {"brand": "visa", "last4": "4242", "exp_month": 12, "fingerprint": "x"}}


def _fact(event_type: str = "charge.succeeded", **fields: Any) -> ObjectFact | NoFact:
    return charge_fact(json.dumps(stripe_bodies.charge_object(**fields)).encode(), event_type)


def test_a_charge_that_succeeded_has_its_payment_method() -> None:
    found = _fact(metadata={"payment_intent_id": "payment_1", "attempt": "1"})

    assert isinstance(found, ObjectFact)
    assert found.payment_ids == ("payment_1",)
    assert found.fact == Fact(kind=Kind.CHARGE, state="succeeded", intent="pi_a", attempt=1, method="card/visa/4242")


def test_a_refunded_charge_has_its_payment_method() -> None:
    found = _fact("charge.refunded", amount_refunded=700)

    assert isinstance(found, ObjectFact)
    assert found.fact == Fact(kind=Kind.CHARGE, state="refunded", amount=700, intent="pi_a", method="card/visa/4242")


@pytest.mark.parametrize(
    ("event_type", "fields", "reason"),
    [
        ("charge.refunded", {}, "nothing_refunded"),
        ("", {"status": "failed"}, "nothing_refunded"),
        ("", {"status": {}}, "nothing_refunded"),
        ("charge.succeeded", {"payment_method_details": None}, "no_payment_method"),
        ("charge.succeeded", {"payment_method_details": {"type": "of Jane Doe"}}, "no_payment_method"),
    ],
)
def test_a_charge_that_says_nothing_has_no_fact(event_type: str, fields: dict[str, Any], reason: str) -> None:
    assert _fact(event_type, **fields) == NoFact(reason)


def test_a_charge_that_was_read_is_translated_as_its_event() -> None:
    assert _fact("") == _fact("charge.succeeded")


@pytest.mark.parametrize(
    ("details", "text"),
    [
        (CARD, "card/visa/4242"),
        ({"type": "card", "card": {"last4": "4242"}}, "card//4242"),
        ({"type": "card", "card": {"brand": "visa"}}, "card/visa"),
        ({"type": "card", "card": {"brand": "Jane Doe", "last4": "42424"}}, "card"),
        ({"type": "card", "card": {"brand": 5, "last4": 4242}}, "card"),
        ({"type": "card", "card": "4242"}, "card"),
        ({"type": "card"}, "card"),
        ({"type": "paynow", "paynow": {"reference": "a number"}}, "paynow"),
        ({"type": "sepa_debit", "sepa_debit": {"last4": "3000", "bank_code": "37040044"}}, "sepa_debit//3000"),
        ({"type": "x/y"}, None),
        ({"type": None}, None),
        ({}, None),
        ("card", None),
    ],
)
def test_a_method_is_its_kind_brand_and_last_four(details: Any, text: str | None) -> None:
    assert method_text(details) == text


ANYTHING = st.none() | st.integers() | st.text(max_size=60) | st.sampled_from(["card", "visa", "4242", "x" * 51])


@given(ANYTHING, ANYTHING, ANYTHING)
def test_a_method_can_always_be_read_back(kind: Any, brand: Any, last4: Any) -> None:
    text = method_text({"type": kind, str(kind): {"brand": brand, "last4": last4}})

    if text is not None:
        method = method_of(text)
        assert method is not None
        assert method.text == text
        assert len(text) <= 106
