"""Tests payment methods and declines."""

from collections.abc import Callable
from typing import Any

import pytest

from stripe_emulator.payments import methods
from stripe_emulator.reference import cards
from stripe_emulator.reference.errors import StripeApiError
from stripe_emulator.state.account import Account

Json = dict[str, Any]


def test_a_card_is_valid_until_the_end_of_its_month() -> None:
    assert methods.check_expiry(1, 27, 1, 2027) is None
    assert methods.check_expiry(12, 26, 1, 2027) is not None


@pytest.mark.parametrize(
    ("month", "year", "code"),
    [(0, 34, "invalid_expiry_month"), (13, 34, "invalid_expiry_month"), (12, 2026, "invalid_expiry_year")],
)
def test_an_invalid_expiry_names_its_field(month: int, year: int, code: str) -> None:
    error = methods.check_expiry(month, year, 1, 2027)

    assert error is not None
    assert (error.status, error.kind, error.code) == (402, "card_error", code)


def test_a_test_name_creates_a_new_method_each_time(account: Account) -> None:
    one, other = (methods.resolve(account, "pm_card_visa", "payment_method") for _ in range(2))

    assert one["id"] != other["id"]
    assert one["id"].startswith("pm_")


def test_an_unknown_method_names_the_parameter(account: Account) -> None:
    with pytest.raises(StripeApiError) as error_info:
        methods.resolve(account, "pm_1", "payment_method")

    assert (error_info.value.code, error_info.value.param) == ("resource_missing", "payment_method")


def test_a_method_keeps_the_billing_details(account: Account) -> None:
    billing = {"email": "customer@example.test", "address": {"country": "SG"}, "colour": "red"}
    details = methods.create(account, cards.CARDS["visa"], billing)["billing_details"]

    assert (details["email"], details["address"]["country"], details["address"]["city"]) == (
        "customer@example.test",
        "SG",
        None,
    )
    assert "colour" not in details


def test_a_decline_is_reported_with_its_intent(account: Account, paid_intent: Callable[[str], Json]) -> None:
    intent = paid_intent("chargeDeclinedLostCard")
    error = methods.declined(account, intent["id"])

    assert (error.status, error.kind, error.code) == (402, "card_error", "card_declined")
    assert (error.more["decline_code"], error.more["payment_intent"]) == ("lost_card", intent)
