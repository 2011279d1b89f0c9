from decimal import Decimal

import pytest

from lea_payments.payment.money import (
    CURRENCIES,
    MAXIMUM,
    MINIMUM,
    THREE_DECIMAL,
    WHOLE_UNITS_ONLY,
    ZERO_DECIMAL,
    NotChargeableError,
    check,
    exponent,
    major_units,
)


@pytest.mark.parametrize(
    ("currency", "amount", "read"),
    [("sgd", 1234, "12.34"), ("jpy", 1234, "1234"), ("kwd", 1230, "1.230"), ("isk", 500, "5.00"), ("ugx", 500, "5.00")],
)
def test_an_amount_on_the_wire_reads_as_stripe_means_it(currency: str, amount: int, read: str) -> None:
    assert major_units(amount, currency) == Decimal(read)


def test_a_currency_may_be_written_in_any_letter_case() -> None:
    assert exponent("JPY") == exponent("jpy") == 0


def test_no_currency_has_two_rules() -> None:
    assert not ZERO_DECIMAL & THREE_DECIMAL
    assert not WHOLE_UNITS_ONLY & (ZERO_DECIMAL | THREE_DECIMAL)


def test_the_largest_amount_keeps_every_digit() -> None:
    assert str(major_units(999_999_999_999, "sgd")) == "9999999999.99"


@pytest.mark.parametrize(
    ("currency", "amount"),
    [
        ("sgd", 50),
        ("SGD", 12345),
        ("gbp", 30),
        ("jpy", 50),
        ("vnd", 1),
        ("kwd", 1230),
        ("isk", 500),
        ("ugx", 100),
        ("huf", 17550),
        ("idr", MAXIMUM),
    ],
)
def test_what_stripe_takes_passes(currency: str, amount: int) -> None:
    check(amount, currency)


@pytest.mark.parametrize(
    ("currency", "amount", "code", "tells"),
    [
        ("sgd", 49, "amount_too_small", "50, that is 0.50 SGD"),
        ("jpy", 49, "amount_too_small", "50, that is 50 JPY"),
        ("pen", 0, "amount_too_small", "1, that is 0.01 PEN"),
        ("usd", MAXIMUM + 1, "amount_too_large", "twelve digits"),
        ("kwd", 1234, "amount_precision", "must be 0"),
        ("isk", 550, "amount_precision", "500 is 5"),
        ("ugx", 101, "amount_precision", "500 is 5"),
        ("usdd", 1000, "unknown_currency", "did you mean usd"),
        ("xyz", 1000, "unknown_currency", "zmw"),
        ("", 1000, "unknown_currency", "aed"),
    ],
)
def test_what_stripe_would_refuse_is_refused_with_what_to_send(
    currency: str, amount: int, code: str, tells: str
) -> None:
    with pytest.raises(NotChargeableError, match=tells) as refused:
        check(amount, currency)

    assert refused.value.code == code


def test_every_currency_with_a_rule_is_one_that_stripe_takes() -> None:
    assert {*MINIMUM, *ZERO_DECIMAL, *THREE_DECIMAL, *WHOLE_UNITS_ONLY} <= CURRENCIES


def test_the_least_of_each_currency_is_an_amount_that_it_can_have() -> None:
    for currency, least in MINIMUM.items():
        check(least, currency)
