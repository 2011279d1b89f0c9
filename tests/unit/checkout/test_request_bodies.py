import re
from typing import Any

import pytest
from pydantic import ValidationError

from lea_payments.checkout.request_bodies import ID_PATTERN, NewPayment, payment_id_for, payment_of

REQUEST: dict[str, Any] = {
    "user_id": "user_1",
    "quote_id": "quote_1",
    "amount": 12000,
    "currency": "SGD",
    "product_name": "Travel insurance",
}


def test_one_idempotency_key_gives_one_id() -> None:
    assert payment_id_for("order-1") == payment_id_for("order-1")
    assert payment_id_for("order-1") != payment_id_for("order-2")


def test_ids_without_a_key_are_unique() -> None:
    assert len({payment_id_for(None) for _ in range(100)}) == 100


@pytest.mark.parametrize("key", [None, "order-1", "k" * 255], ids=["no key", "short key", "long key"])
def test_a_generated_id_fits_stripes_reference(key: str | None) -> None:
    assert re.fullmatch(ID_PATTERN, payment_id_for(key))
    assert len(payment_id_for(key)) <= 200


def test_a_given_id_takes_precedence_over_the_key() -> None:
    request = NewPayment(**REQUEST, payment_intent_id="payment_123")

    assert payment_of(request, "order-1", None).payment_intent_id == "payment_123"


def test_a_payment_has_its_currency_in_lower_case() -> None:
    assert payment_of(NewPayment(**REQUEST), None, None).currency == "sgd"


def test_a_payment_has_the_trace_and_the_language() -> None:
    payment = payment_of(NewPayment(**REQUEST, locale="ms"), None, "00-trace")

    assert (payment.traceparent, payment.checkout_locale) == ("00-trace", "ms")


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
def test_an_invalid_field_is_rejected_by_name(field: str, value: object) -> None:
    with pytest.raises(ValidationError) as error:
        NewPayment.model_validate(REQUEST | {field: value})

    assert [problem["loc"] for problem in error.value.errors()] == [(field,)]
