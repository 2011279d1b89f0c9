"""Tests the form of the pay page."""

from stripe_emulator.pay_page.page import read_form
from stripe_emulator.pay_page.payment import PaymentForm


def test_the_form_is_decoded_and_trimmed() -> None:
    form = read_form(b"cardnumber=4242+4242&expiry=12+%2F+34&email=+tan%40example.test+&other=1")

    assert form == PaymentForm(cardnumber="4242 4242", expiry="12 / 34", email="tan@example.test")


def test_an_empty_form_has_the_defaults() -> None:
    assert read_form(b"") == PaymentForm()


def test_broken_text_is_not_an_error() -> None:
    assert read_form(b"email=%ff\xff").email
