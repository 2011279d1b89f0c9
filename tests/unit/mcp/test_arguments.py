"""Checks the tools' arguments, and that the same order always is the same payment."""

from typing import Any

import pytest
from pydantic import ValidationError

from lea_payments.mcp.arguments import NewLink, PaymentReference, refusal_of

SECRET = "Tan Ah Kow, S1234567D"
ORDER = {"user_id": "user_1", "quote_id": "quote_1", "amount": 12000, "currency": "SGD", "product_name": "Insurance"}


def payment_id(**changes: Any) -> str:
    return NewLink.model_validate(ORDER | changes).payment_id


@pytest.mark.parametrize(
    "changes", [{"currency": "sgd"}, {"product_name": "Other words"}, {"locale": "ta"}], ids="-".join
)
def test_a_repeated_order_is_the_same_payment(changes: dict[str, Any]) -> None:
    assert payment_id(**changes) == payment_id()


@pytest.mark.parametrize(
    "changes",
    [{"user_id": "user_2"}, {"quote_id": "quote_2"}, {"amount": 12001}, {"currency": "MYR"}, {"idempotency_key": "2"}],
    ids="-".join,
)
def test_another_order_is_another_payment(changes: dict[str, Any]) -> None:
    assert payment_id(**changes) != payment_id()


def test_a_key_identifies_the_payment_of_its_customer() -> None:
    assert payment_id(idempotency_key="1") == payment_id(idempotency_key="1", quote_id="quote_2", amount=1)
    assert payment_id(idempotency_key="1") != payment_id(idempotency_key="1", user_id="user_2")


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"amount": "12000"}, "amount"),
        ({"amount": 0}, "amount"),
        ({"amount": 1.5}, "amount"),
        ({"amount": True}, "amount"),
        ({"currency": SECRET}, "currency"),
        ({"user_id": SECRET * 30}, "user_id"),
        ({"user_id": "\ud800"}, "user_id"),
        ({"supersedes": [SECRET]}, "supersedes"),
        ({SECRET: SECRET}, None),
    ],
    ids=["text", "zero", "fraction", "boolean", "currency", "long", "surrogate", "id", "unknown"],
)
def test_an_error_never_repeats_what_was_sent(changes: dict[Any, Any], param: str | None) -> None:
    with pytest.raises(ValidationError) as raised:
        NewLink.model_validate(ORDER | changes)
    refusal = refusal_of(raised.value)

    assert (refusal.code, refusal.param) == ("invalid_request", param)
    assert refusal.message
    assert "Tan" not in refusal.message


def test_arguments_that_are_not_an_object_are_refused() -> None:
    with pytest.raises(ValidationError) as raised:
        PaymentReference.model_validate(SECRET)

    assert refusal_of(raised.value).param == "arguments"


@pytest.mark.parametrize("payment", ["..", "a/b", "", "a" * 201, "payment_1\n"])
def test_an_id_that_could_be_another_path_is_refused(payment: str) -> None:
    with pytest.raises(ValidationError):
        PaymentReference.model_validate({"payment_id": payment})
