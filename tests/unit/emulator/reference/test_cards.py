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
    "4000 0000 0000 6975": ("card_declined", "card_velocity_exceeded"),
    "4000 0000 0000 0101": ("incorrect_cvc", None),
    "4100 0000 0000 0019": ("card_declined", "fraudulent"),
    "4000 0000 0000 4954": ("card_declined", "fraudulent"),
    "4000 0084 0000 1280": ("card_declined", "generic_decline"),
    "4000 0084 0000 1629": ("card_declined", "generic_decline"),
    "4000 0082 6000 3178": ("card_declined", "insufficient_funds"),
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
    assert len(cards.BY_NUMBER) == len(cards.CARDS) + len(cards.UNNAMED)


@pytest.mark.parametrize("number", cards.BY_NUMBER)
def test_every_number_has_a_valid_check_digit(number: str) -> None:
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(number))]

    assert sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


BRANDS = {
    "2223 0031 2200 3222": "mastercard",
    "3056 9300 0902 0004": "diners",
    "3622 720627 1667": "diners",
    "3782 822463 10005": "amex",
    "6205 5000 0000 0000 004": "unionpay",
}


@pytest.mark.parametrize(("number", "brand"), BRANDS.items())
def test_every_brand_has_its_numbers(number: str, brand: str) -> None:
    card = cards.by_number(number)

    assert card is not None
    assert card.brand == brand
    assert card.decline is None


def _named(number: str, name: str) -> cards.Instrument:
    """The card with this number, which must be the one with this name."""
    card = cards.by_number(number)
    assert card is not None
    assert card is cards.by_name(f"pm_card_{name}")
    return card


AUTHENTICATIONS = {
    "4000 0025 0000 3155": "authenticationRequiredOnSetup",
    "4000 0027 6000 3184": "authenticationRequired",
    "4000 0038 0000 0446": "authenticationRequiredSetupForOffSession",
    "4000 0082 6000 3178": "authenticationRequiredChargeDeclinedInsufficientFunds",
    "4000 0000 0000 3220": "threeDSecure2Required",
    "4000 0084 0000 1629": "threeDSecureRequiredChargeDeclined",
}


@pytest.mark.parametrize(("number", "name"), AUTHENTICATIONS.items())
def test_a_3ds_card_asks_for_authentication(number: str, name: str) -> None:
    assert _named(number, name).authentication


@pytest.mark.parametrize("alias", cards.ALIASES)
def test_an_alias_names_a_card(alias: str) -> None:
    assert cards.by_name(f"tok_{alias}") is cards.CARDS[cards.ALIASES[alias]]


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
    card = _named(number, name)

    assert card.dispute or card.fraud_warning or card.refund
