import re
from typing import Any

import pytest
from pydantic import ValidationError

from lea_payments.checkout.request_bodies import (
    ID_PATTERN,
    NewPayment,
    Search,
    payment_ids_for,
    payment_of,
    random_payment_id,
)

REQUEST: dict[str, Any] = {
    "user_id": "user_1",
    "quote_id": "quote_1",
    "amount": 12000,
    "currency": "SGD",
    "product_name": "Travel insurance",
}


SCOPES = (b"scope of the caller", b"scope of another token")
ID_OF_0_1_0 = "payment_0bafe22156d2698c143b86040446d366ead863ba"


def test_one_idempotency_key_gives_one_id() -> None:
    assert payment_ids_for("order-1", SCOPES) == payment_ids_for("order-1", SCOPES)
    assert not set(payment_ids_for("order-1", SCOPES)) & set(payment_ids_for("order-2", SCOPES))


def test_each_scope_has_its_own_id_for_a_key() -> None:
    own, other, former = payment_ids_for("order-1", SCOPES)

    assert len({own, other, former}) == 3
    assert payment_ids_for("order-1", SCOPES[::-1]) == [other, own, former]


def test_the_last_id_of_a_key_is_that_of_version_0_1_0() -> None:
    assert payment_ids_for("order-1", SCOPES)[-1] == ID_OF_0_1_0


def test_ids_without_a_key_are_unique() -> None:
    assert len({random_payment_id() for _ in range(100)}) == 100


@pytest.mark.parametrize("key", ["order-1", "k" * 255], ids=["short key", "long key"])
def test_a_generated_id_fits_stripes_reference(key: str) -> None:
    for payment_id in (random_payment_id(), *payment_ids_for(key, SCOPES)):
        assert re.fullmatch(ID_PATTERN, payment_id)
        assert len(payment_id) <= 200


def test_a_payment_has_its_currency_in_lower_case() -> None:
    assert payment_of(NewPayment(**REQUEST), "payment_1", None).currency == "sgd"


def test_a_payment_has_the_trace_and_the_language() -> None:
    payment = payment_of(NewPayment(**REQUEST, locale="ms"), "payment_1", "00-trace")

    assert (payment.traceparent, payment.checkout_locale) == ("00-trace", "ms")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("amount", "12000"),
        ("amount", 120.5),
        ("amount", True),
        ("amount", 0),
        ("amount", 10**12),
        ("amount", 12000.0),
        ("amount", "\uff11\uff12\uff10"),
        ("amount", "\u0661\u0662\u0660"),
        ("amount", None),
        ("currency", "\u017fgd"),
        ("currency", "\u212arw"),
        ("currency", "\uff33\uff27\uff24"),
        ("currency", "s\u0261d"),
        ("currency", "sgd "),
        ("currency", "sg1"),
        ("currency", ""),
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


@pytest.mark.parametrize(
    "limit", ["0", "101", "1000000000", "-1", "+5", "1_0", " 5", "5.0", "\uff15", "\u0665", "", "x"]
)
def test_a_limit_is_a_small_number_in_ascii_digits(limit: str) -> None:
    with pytest.raises(ValidationError) as error:
        Search.model_validate({"user_id": "user_1", "limit": limit})

    assert [problem["loc"] for problem in error.value.errors()] == [("limit",)]


@pytest.mark.parametrize("limit", ["1", "100", "007"])
def test_a_limit_in_digits_is_accepted(limit: str) -> None:
    assert Search.model_validate({"user_id": "user_1", "limit": limit}).limit == int(limit)
