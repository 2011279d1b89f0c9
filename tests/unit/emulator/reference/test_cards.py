"""Tests that the test cards behave as Stripe documents."""

import pytest

from stripe_emulator.reference import cards

DECLINES = {
    "4000 0000 0000 0002": ("card_declined", "generic_decline"),
    "4000 0000 0000 9995": ("card_declined", "insufficient_funds"),
    "4000 0000 0000 9987": ("card_declined", "lost_card"),
    "4000 0000 0000 9979": ("card_declined", "stolen_card"),
    "4000 0000 0000 0341": ("card_declined", "generic_decline"),
    "4000 0000 0000 0069": ("expired_card", None),
    "4000 0000 0000 0127": ("incorrect_cvc", None),
    "4000 0000 0000 0119": ("processing_error", None),
}


@pytest.mark.parametrize(("number", "reason"), DECLINES.items())
def test_a_declining_card_declines_with_its_code(number: str, reason: tuple[str, str | None]) -> None:
    card = cards.by_number(number)

    assert card is not None
    assert card.decline is not None
    assert (card.decline.code, card.decline.decline_code) == reason


def test_the_ordinary_card_succeeds() -> None:
    card = cards.by_number("4242-4242 4242 4242")

    assert card == cards.Instrument()


def test_two_cards_never_share_a_number() -> None:
    assert len(cards.BY_NUMBER) == len(cards.CARDS)


@pytest.mark.parametrize(
    "test_id",
    ["pm_card_chargeDeclined", "pm_card_visa_chargeDeclined", "tok_chargeDeclined", "tok_visa_chargeDeclined"],
)
def test_a_card_has_many_names(test_id: str) -> None:
    assert cards.by_name(test_id) is cards.CARDS["chargeDeclined"]


def test_an_unknown_name_is_not_a_card() -> None:
    assert cards.by_name("pm_card_nonsense") is None


LATER = {
    "4000 0000 0000 0259": "createDispute",
    "4000 0000 0000 2685": "createDisputeProductNotReceived",
    "4000 0000 0000 1976": "createDisputeInquiry",
    "4000 0004 0400 0079": "createMultipleDisputes",
    "4000 0000 0000 5423": "createIssuerFraudRecord",
    "4000 0000 0000 7726": "pendingRefund",
    "4000 0000 0000 5126": "refundFail",
}


@pytest.mark.parametrize(("number", "name"), LATER.items())
def test_a_card_with_a_later_effect_has_its_name(number: str, name: str) -> None:
    card = cards.by_number(number)

    assert card is cards.by_name(f"pm_card_{name}")
    assert card is not None
    assert card.dispute or card.fraud_warning or card.refund
