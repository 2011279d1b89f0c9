"""Tests how card numbers are read and formatted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stripe_emulator.reference import cards
from stripe_emulator.reference.numbers import grouped, is_digits, without_spaces

TYPED = [
    "4242 4242 4242 4242",
    "4242-4242-4242-4242",
    " 4242\u00a04242\u20094242\u202f4242 ",
    "4242\u20134242\u20144242-4242",
    "\uff14\uff12\uff14\uff12 4242 4242 4242",
    "\ufeff4242\u200b424242424242",
]


@pytest.mark.parametrize("text", TYPED, ids=ascii)
def test_spaces_and_dashes_of_a_number_are_ignored(text: str) -> None:
    assert without_spaces(text) == "4242424242424242"


@pytest.mark.parametrize("number", ["3782 822463 10005", "3622 720627 1667", "6205 5000 0000 0000 004"])
def test_a_number_has_the_groups_of_its_brand(number: str) -> None:
    assert grouped(without_spaces(number)) == number


@given(st.text(alphabet="0123456789", max_size=20))
def test_grouping_loses_no_digit(number: str) -> None:
    assert grouped(number).replace(" ", "") == number


@pytest.mark.parametrize(
    ("text", "expected"), [("123", True), ("", False), ("²", False), ("12a", False), ("\u0661\u0662", False)]
)
def test_only_ascii_digits_are_digits(text: str, *, expected: bool) -> None:
    assert is_digits(text) == expected


@given(st.text())
def test_no_text_breaks_the_look_up(text: str) -> None:
    assert cards.by_number(text) is None or without_spaces(text) in cards.BY_NUMBER
