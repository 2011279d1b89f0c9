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
    decimals_shown,
    exponent,
    major_units,
)


@pytest.mark.parametrize(
    ("currency", "amount", "expected"),
    [("sgd", 1234, "12.34"), ("jpy", 1234, "1234"), ("kwd", 1230, "1.230"), ("isk", 500, "5.00"), ("ugx", 500, "5.00")],
)
def test_major_units_follow_stripes_exponents(currency: str, amount: int, expected: str) -> None:
    assert major_units(amount, currency) == Decimal(expected)


@pytest.mark.parametrize("currency", sorted(CURRENCIES - WHOLE_UNITS_ONLY))
def test_an_amount_is_shown_with_stripes_decimals(currency: str) -> None:
    assert decimals_shown(123000, currency) == exponent(currency)


@pytest.mark.parametrize("currency", sorted(WHOLE_UNITS_ONLY))
@pytest.mark.parametrize(("amount", "decimals"), [(0, 0), (500, 0), (550, 2)], ids=["nothing", "whole", "a fraction"])
def test_only_fractions_of_whole_currencies_have_decimals(currency: str, amount: int, decimals: int) -> None:
    assert decimals_shown(amount, currency.upper()) == decimals


def test_a_currency_can_be_in_any_case() -> None:
    assert exponent("JPY") == exponent("jpy") == 0


def test_no_currency_has_two_exponents() -> None:
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
def test_amounts_that_stripe_accepts_pass(currency: str, amount: int) -> None:
    check(amount, currency)


@pytest.mark.parametrize(
    ("currency", "amount", "code", "message"),
    [
        ("sgd", 49, "amount_too_small", r"50 \(0.50 SGD\)"),
        ("jpy", 49, "amount_too_small", r"50 \(50 JPY\)"),
        ("pen", 0, "amount_too_small", r"1 \(0.01 PEN\)"),
        ("usd", MAXIMUM + 1, "amount_too_large", "twelve digits"),
        ("kwd", 1234, "amount_precision", "must be 0"),
        ("isk", 550, "amount_precision", "500 is 5"),
        ("ugx", 101, "amount_precision", "500 is 5"),
        ("usdd", 1000, "unknown_currency", "did you mean usd"),
        ("euro", 1000, "unknown_currency", "did you mean eur"),
        ("xyz", 1000, "unknown_currency", "zmw"),
        ("", 1000, "unknown_currency", "aed"),
    ],
)
def test_a_rejected_amount_has_a_code_and_a_remedy(currency: str, amount: int, code: str, message: str) -> None:
    with pytest.raises(NotChargeableError, match=message) as refusal:
        check(amount, currency)

    assert refusal.value.code == code


@pytest.mark.parametrize("word", ["dollars", "yen", "rupee", "pound"])
def test_a_word_leads_to_no_suggestion(word: str) -> None:
    """A wrong currency that somebody follows is worse than none."""
    with pytest.raises(NotChargeableError) as refusal:
        check(1000, word)

    assert "did you mean" not in str(refusal.value)


def test_every_currency_with_a_rule_is_accepted() -> None:
    assert {*MINIMUM, *ZERO_DECIMAL, *THREE_DECIMAL, *WHOLE_UNITS_ONLY} <= CURRENCIES


@pytest.mark.parametrize("currency", MINIMUM)
def test_the_minimum_of_each_currency_is_accepted(currency: str) -> None:
    check(MINIMUM[currency], currency)
