import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from lea_payments.checkout.request_bodies import (
    ID_PATTERN,
    NewPayment,
    Search,
    payment_ids_for,
    payment_of,
    random_payment_id,
)
from lea_payments.payment import money

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


@pytest.mark.parametrize("locale", ["ms", "ta", "zh-SG"])
def test_a_payment_has_the_trace_and_the_language(locale: str) -> None:
    payment = payment_of(NewPayment.model_validate(REQUEST | {"locale": locale}), "payment_1", "00-trace")

    assert (payment.traceparent, payment.checkout_locale) == ("00-trace", locale)


def test_another_language_is_refused_with_those_that_exist() -> None:
    with pytest.raises(ValidationError, match=r"'auto', .*'ta' or 'zh-SG'"):
        NewPayment.model_validate(REQUEST | {"locale": "zh-sg"})


DESCRIBED = NewPayment.model_json_schema()["properties"]


@settings(deadline=None)
@given(st.text(max_size=4) | st.sampled_from(sorted(money.CURRENCIES)).map(str.title))
def test_every_accepted_currency_matches_its_description(currency: str) -> None:
    try:
        money.check(12000, NewPayment.model_validate(REQUEST | {"currency": currency}).currency)
    except (ValidationError, money.NotChargeableError):
        return
    assert re.search(DESCRIBED["currency"]["pattern"], currency)
    assert currency.lower() in DESCRIBED["currency"]["description"]


@pytest.mark.parametrize("currency", sorted(money.CURRENCIES))
@pytest.mark.parametrize("case", [str.lower, str.upper, str.title], ids=["lower", "upper", "title"])
def test_every_currency_is_accepted_in_any_case(currency: str, case: Callable[[str], str]) -> None:
    money.check(120000, NewPayment.model_validate(REQUEST | {"currency": case(currency)}).currency)


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        (0, "amount_too_small"),
        (-1, "amount_too_small"),
        (10**12, "amount_too_large"),
        (10**40, "amount_too_large"),
    ],
)
def test_an_amount_outside_of_the_description_has_a_code(amount: int, code: str) -> None:
    with pytest.raises(money.NotChargeableError) as error:
        money.check(NewPayment.model_validate(REQUEST | {"amount": amount}).amount, "bif")

    assert error.value.code == code
    assert not DESCRIBED["amount"]["minimum"] <= amount <= DESCRIBED["amount"]["maximum"]


def test_a_limit_is_described_with_its_range() -> None:
    limit = Search.model_json_schema()["properties"]["limit"]

    assert (limit["minimum"], limit["maximum"], limit["type"]) == (1, 100, "integer")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("amount", "12000"),
        ("amount", 120.5),
        ("amount", True),
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


@pytest.mark.parametrize("ids", [None, [], ["payment_1"], [f"by hand {number}" for number in range(10)]])
def test_up_to_ten_payments_can_be_superseded(ids: list[str] | None) -> None:
    assert NewPayment(**REQUEST, supersedes=ids).supersedes == ids


@pytest.mark.parametrize("ids", [["a", "a"], [""], ["x" * 257], [f"payment_{number}" for number in range(11)]])
def test_other_lists_of_payments_are_rejected(ids: list[str]) -> None:
    with pytest.raises(ValidationError):
        NewPayment(**REQUEST, supersedes=ids)
