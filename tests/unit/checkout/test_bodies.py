import re
from typing import Any

import pytest
from pydantic import ValidationError

from lea_payments.checkout.bodies import (
    ID_PATTERN,
    CurrentPayment,
    NewPayment,
    PublishedPayment,
    documented,
    error_body,
    id_for,
    invalid,
    record_of,
)
from lea_payments.checkout.errors import CREATE, ERRORS, LIST
from lea_payments.payment.record import Dispute, Payment
from lea_payments.store.table import PUBLISHED_FIELDS

ASKED: dict[str, Any] = {
    "user_id": "user_1",
    "quote_id": "quote_1",
    "amount": 12000,
    "currency": "SGD",
    "product_name": "Travel insurance",
}


def test_one_idempotency_key_makes_one_id() -> None:
    assert id_for("order-1") == id_for("order-1")
    assert id_for("order-1") != id_for("order-2")


def test_without_a_key_no_two_ids_are_the_same() -> None:
    assert len({id_for(None) for _ in range(100)}) == 100


@pytest.mark.parametrize("key", [None, "order-1", "k" * 255])
def test_an_id_of_ours_is_one_that_stripe_brings_back(key: str | None) -> None:
    assert re.fullmatch(ID_PATTERN, id_for(key))
    assert len(id_for(key)) <= 200


def test_a_given_id_stands_whatever_the_key() -> None:
    asked = NewPayment(**ASKED, payment_intent_id="payment_123")

    assert record_of(asked, "order-1", None).payment_intent_id == "payment_123"


def test_a_record_has_its_currency_as_stripe_writes_it() -> None:
    assert record_of(NewPayment(**ASKED), None, None).currency == "sgd"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("amount", "12000"),
        ("amount", 120.5),
        ("amount", True),
        ("amount", 0),
        ("amount", 10**12),
        ("user_id", ""),
        ("user_id", "u" * 257),
        ("quote_id", "line\nbreak"),
        ("product_name", "   "),
        ("payment_intent_id", "no spaces"),
        ("payment_intent_id", "p" * 201),
        ("locale", "klingon"),
        ("user", "a misspelt field"),
    ],
)
def test_a_wrong_field_is_refused_by_its_name(field: str, value: object) -> None:
    with pytest.raises(ValidationError) as refused:
        NewPayment.model_validate(ASKED | {field: value})

    assert [problem["loc"] for problem in refused.value.errors()] == [(field,)]


def test_the_published_body_is_the_published_contract() -> None:
    assert tuple(PublishedPayment.model_fields) == PUBLISHED_FIELDS


def test_a_dispute_is_told_in_a_word() -> None:
    record = Payment(payment_intent_id="payment_1", dispute_status=Dispute.WON)

    assert CurrentPayment.of(record).dispute_status == "won"


def test_every_wrong_field_is_named_and_what_was_sent_is_not_repeated() -> None:
    problems = [
        {"loc": ("body", "amount"), "msg": "Input should be a valid integer", "input": "secret"},
        {"loc": ("header", "Idempotency-Key"), "msg": "String should have at most 255 characters", "input": "secret"},
    ]

    error = invalid(problems)["error"]

    assert (error["code"], error["param"]) == ("invalid_request", "amount")
    assert "amount: Input" in error["message"]
    assert "Idempotency-Key: String" in error["message"]
    assert "secret" not in str(error)


def test_an_error_has_a_code_a_sentence_and_no_empty_field() -> None:
    assert error_body("try_again", "Repeat it.") == {"error": {"code": "try_again", "message": "Repeat it."}}


def test_codes_of_one_status_are_described_together() -> None:
    responses = documented(CREATE)

    examples = responses[502]["content"]["application/json"]["examples"]
    assert list(examples) == ["stripe_unreachable", "stripe_error", "stripe_refused"]


def test_a_call_documents_its_own_errors_only() -> None:
    assert list(documented(LIST)) == [401, 422, 500, 503]


@pytest.mark.parametrize("code", ERRORS)
def test_every_code_says_when_in_a_sentence(code: str) -> None:
    status, when, _ = ERRORS[code]

    assert 400 <= status < 600
    assert when.endswith(".")
