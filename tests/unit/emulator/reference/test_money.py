"""Tests Stripe's rules for currencies and amounts."""

import pytest

from lea_payments.payment import money as service
from stripe_emulator.reference import money
from stripe_emulator.reference.errors import StripeApiError


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        (12050, "sgd", "SGD 120.50"),
        (5, "usd", "USD 0.05"),
        (1234567, "eur", "EUR 12,345.67"),
        (12050, "jpy", "JPY 12,050"),
        (12050, "kwd", "KWD 12.050"),
        (150000, "isk", "ISK 1,500.00"),
    ],
)
def test_an_amount_is_formatted_by_its_currency(amount: int, currency: str, shown: str) -> None:
    assert money.formatted(amount, currency) == shown


@pytest.mark.parametrize(
    ("amount", "currency", "code"),
    [
        (49, "sgd", "amount_too_small"),
        (0, "xof", "amount_too_small"),
        (10**12, "sgd", "amount_too_large"),
        (12055, "kwd", None),
        (150050, "isk", None),
    ],
)
def test_an_amount_outside_stripes_limits_is_refused(amount: int, currency: str, code: str | None) -> None:
    with pytest.raises(StripeApiError) as error_info:
        money.check_chargeable(amount, currency, "amount")

    assert error_info.value.code == code


@pytest.mark.parametrize(("amount", "currency"), [(50, "sgd"), (30, "gbp"), (50, "jpy"), (12050, "bhd"), (100, "ugx")])
def test_the_smallest_amounts_are_accepted(amount: int, currency: str) -> None:
    money.check_chargeable(amount, currency, "amount")


@pytest.mark.parametrize("table", ["CURRENCIES", "ZERO_DECIMAL", "THREE_DECIMAL", "WHOLE_UNITS_ONLY", "MINIMUM"])
def test_the_service_has_the_same_tables(table: str) -> None:
    assert getattr(money, table) == getattr(service, table)
