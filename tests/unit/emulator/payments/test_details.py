"""Tests payment methods and outcomes in Stripe's fields."""

import pytest

from stripe_emulator.payments import details
from stripe_emulator.reference import cards
from stripe_emulator.reference.cards import Settlement


@pytest.mark.parametrize("charged", [True, False], ids=["charged", "kept"])
def test_only_the_last_digits_of_a_card_are_shown(*, charged: bool) -> None:
    fields = details.method_details(cards.CARDS["mastercard"], charged=charged)

    assert fields["card"]["last4"] == "4444"
    assert cards.CARDS["mastercard"].number not in str(fields)


def test_a_bank_account_shows_a_mandate_only_in_a_charge() -> None:
    bank = cards.bank_debit("sepa_debit", Settlement("succeeded", 1), "AT611904300234573201")

    assert "mandate" not in details.method_details(bank)["sepa_debit"]
    assert details.method_details(bank, charged=True)["sepa_debit"]["mandate"] is None
    assert details.method_details(bank)["sepa_debit"]["last4"] == "3201"


def test_the_outcome_of_a_decline_names_its_reason() -> None:
    card = cards.CARDS["chargeDeclinedLostCard"]

    assert details.outcome(card, None)["type"] == "authorized"
    assert details.outcome(card, card.decline)["type"] == "issuer_declined"
    assert details.outcome(card, card.decline)["reason"] == "lost_card"


@pytest.mark.parametrize("name", ["radarBlock", "riskLevelHighest"])
def test_a_charge_of_the_highest_risk_is_blocked(name: str) -> None:
    card = cards.CARDS[name]
    outcome = details.outcome(card, card.decline)

    assert (outcome["type"], outcome["reason"]) == ("blocked", "highest_risk_level")
    assert (outcome["risk_level"], outcome["network_status"]) == ("highest", "not_sent_to_network")


def test_an_elevated_risk_is_only_reported() -> None:
    card = cards.CARDS["riskLevelElevated"]
    outcome = details.outcome(card, card.decline)

    assert (outcome["type"], outcome["risk_level"]) == ("authorized", "elevated")


@pytest.mark.parametrize(("name", "check"), [("visa", "pass"), ("cvcCheckFail", "fail")])
def test_the_check_of_the_cvc_is_reported(name: str, check: str) -> None:
    fields = details.method_details(cards.CARDS[name], charged=True)

    assert fields["card"]["checks"]["cvc_check"] == check


@pytest.mark.parametrize(("kind", "error_type"), [("card", "card_error"), ("sepa_debit", "invalid_request_error")])
def test_the_error_type_depends_on_the_payment_method(kind: str, error_type: str) -> None:
    decline = cards.Decline("card_declined", "lost_card", "Your card was declined.")

    error = details.payment_error(decline, {"type": kind}, "ch_1")

    assert (error["type"], error["code"], error["decline_code"]) == (error_type, "card_declined", "lost_card")
    assert (error["charge"], error["message"]) == ("ch_1", "Your card was declined.")
