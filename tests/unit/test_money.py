from decimal import Decimal

import pytest

from lea_payments.money import THREE_DECIMAL, WHOLE_UNITS_ONLY, ZERO_DECIMAL, exponent, major_units


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
