"""Checks the card fields of the pay page as Stripe's own fields do."""

import re

from stripe_emulator.payments import methods
from stripe_emulator.reference import cards
from stripe_emulator.reference.cards import Instrument
from stripe_emulator.reference.errors import StripeApiError
from stripe_emulator.reference.numbers import is_digits, without_spaces
from stripe_emulator.state.account import Account

CENTURY = 2000
# By brand; https://docs.stripe.com/testing asks for four digits of American Express cards, and Stripe accepts three.
CVC_LENGTHS = {"amex": (3, 4)}
DEFAULT_CVC_LENGTHS = (3,)
# What the field of Stripe shows as `MM / YY`: 12/34, 1/34, 12/2034, and digits alone. Of three digits the first one is
# the month, unless it can begin a month of two digits whose year is not complete.
_DATE = re.compile(r"(\d{1,2})[/.](\d{2}|\d{4})|(\d{2})(\d{2}|\d{4})|([2-9])(\d{2})|(1)([3-9]\d)", re.ASCII)


def problems(account: Account, number: str, expiry: str, cvc: str) -> list[StripeApiError]:
    """Return what is wrong with each field, in their order on the page."""
    card = cards.by_number(number)
    found = (_number_problem(account, number, card), _expiry_problem(account, expiry), _cvc_problem(cvc, card))
    return [problem for problem in found if problem]


def month_and_year(expiry: str) -> tuple[int, int] | None:
    """Return the month and the year of an expiry date, or None if it is not complete."""
    match = _DATE.fullmatch(without_spaces(expiry))
    if match is None:
        return None
    month, year = (int(group) for group in match.groups() if group is not None)
    return month, year if year > methods.TWO_DIGIT_YEARS else CENTURY + year


def _number_problem(account: Account, number: str, card: Instrument | None) -> StripeApiError | None:
    return None if card else methods.unknown_number(account, number)


def _expiry_problem(account: Account, expiry: str) -> StripeApiError | None:
    date = month_and_year(expiry)
    if date is None:
        return invalid(
            "Your card's expiration date is incomplete. Use MM / YY, such as 12 / 34.", "incomplete_expiry", "exp_month"
        )
    now_year, now_month = account.clock.year_and_month()
    problem = methods.check_expiry(*date, now_month, now_year)
    if problem and problem.param == "exp_year" and date[1] <= now_year:
        problem.message = "Your card's expiration date is in the past."
    return problem


def _cvc_problem(cvc: str, card: Instrument | None) -> StripeApiError | None:
    digits = without_spaces(cvc)
    lengths = CVC_LENGTHS.get(card.brand, DEFAULT_CVC_LENGTHS) if card else (*DEFAULT_CVC_LENGTHS, *CVC_LENGTHS["amex"])
    if is_digits(digits) and len(digits) in lengths:
        return None
    expected = "3 or 4 digits" if len(set(lengths)) > 1 else "3 digits"
    if not digits or (is_digits(digits) and len(digits) < min(lengths)):
        return invalid(f"Your card's security code is incomplete. It has {expected}.", "incomplete_cvc", "cvc")
    return invalid(f"Your card's security code is invalid. It has {expected}.", "invalid_cvc", "cvc")


def invalid(message: str, code: str, param: str) -> StripeApiError:
    """Return the error of a field, as the field itself finds it before anything is sent to Stripe."""
    return StripeApiError(message, status=402, kind="validation_error", code=code, param=param)
