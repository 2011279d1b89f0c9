"""Tests the checks of the card fields."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stripe_emulator.pay_page import card_fields
from stripe_emulator.settings import Settings
from stripe_emulator.state.account import Account

VISA, AMEX = "4242 4242 4242 4242", "3782 822463 10005"


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("1234", (12, 2034)),
        ("12/34", (12, 2034)),
        ("12 / 34", (12, 2034)),
        ("12-34", (12, 2034)),
        ("1/34", (1, 2034)),
        ("934", (9, 2034)),
        ("134", (1, 2034)),
        ("12/2034", (12, 2034)),
        ("122034", (12, 2034)),
        ("\uff11\uff12\uff0f\uff13\uff14", (12, 2034)),
        ("1334", (13, 2034)),
    ],
)
def test_an_expiry_date_is_read_as_people_type_it(text: str, date: tuple[int, int]) -> None:
    assert card_fields.month_and_year(text) == date


@pytest.mark.parametrize("text", ["", "1", "12", "12/", "112", "012", "12/3", "12/034", "ab/cd", "x/34", "12/34/56"])
def test_an_incomplete_expiry_date_has_no_month(text: str) -> None:
    assert card_fields.month_and_year(text) is None


@pytest.mark.parametrize(
    ("number", "expiry", "cvc", "expected"),
    [
        (VISA, "1234", "123", []),
        (AMEX, "1234", "1234", []),
        (AMEX, "1234", "123", []),
        (VISA, "1234", "1234", [("cvc", "invalid_cvc", "It has 3 digits")]),
        (AMEX, "1234", "12", [("cvc", "incomplete_cvc", "It has 3 or 4 digits")]),
        (VISA, "1234", "12", [("cvc", "incomplete_cvc", "It has 3 digits")]),
        (VISA, "1234", "abc", [("cvc", "invalid_cvc", "It has 3 digits")]),
        (VISA, "1234", "", [("cvc", "incomplete_cvc", "is incomplete")]),
        (VISA, "0120", "123", [("exp_year", "invalid_expiry_year", "in the past")]),
        (VISA, "1299", "123", [("exp_year", "invalid_expiry_year", "year is invalid")]),
        (VISA, "1334", "123", [("exp_month", "invalid_expiry_month", "month is invalid")]),
        (VISA, "12", "123", [("exp_month", "incomplete_expiry", "MM / YY")]),
        ("", "1234", "123", [("number", "incorrect_number", "is incomplete")]),
        ("4242", "1234", "123", [("number", "incorrect_number", "is incomplete")]),
        ("forty-two", "1234", "123", [("number", "incorrect_number", "is not a card number")]),
        ("4" * 20, "1234", "123", [("number", "incorrect_number", "is not a card number")]),
    ],
)
def test_each_wrong_field_is_named(
    account: Account, number: str, expiry: str, cvc: str, expected: list[tuple[str, str, str]]
) -> None:
    found = card_fields.problems(account, number, expiry, cvc)

    assert [(problem.param, problem.code) for problem in found] == [row[:2] for row in expected]
    assert all(row[2] in problem.message for problem, row in zip(found, expected, strict=True))


def test_an_empty_form_has_a_problem_per_field(account: Account) -> None:
    found = card_fields.problems(account, "", "", "")

    assert [problem.param for problem in found] == ["number", "exp_month", "cvc"]


@pytest.mark.parametrize("number", ["4000 0000 0000 1234", "4000000000001234", "4242 4242 4242 4241"])
def test_an_unknown_test_card_is_named(account: Account, number: str) -> None:
    (problem,) = card_fields.problems(account, number, "1234", "123")

    grouped = "4242 4242 4242 4241" if "4241" in number else "4000 0000 0000 1234"
    assert f"{grouped} is not one of Stripe's test cards that this emulator knows" in problem.message
    assert f"{account.settings.public_url}/#cards" in problem.message


@given(st.text(), st.text(), st.text())
def test_no_text_breaks_the_fields(number: str, expiry: str, cvc: str) -> None:
    account = Account(Settings(), lambda _event, _endpoints: None)

    found = card_fields.problems(account, number, expiry, cvc)

    assert all(problem.status == 402 for problem in found)
