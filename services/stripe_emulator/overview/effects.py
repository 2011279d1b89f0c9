"""Describes what happens to a payment with each test card."""

from stripe_emulator.reference import cards
from stripe_emulator.reference.cards import Instrument

AUTHENTICATIONS = {
    "always": "asks for authentication",
    "unless_set_up": "asks for authentication, except off-session once it is set up",
    "already_set_up": "asks for authentication, except off-session",
    "frictionless": "is authenticated without a page",
}
RISKS = {"normal": None, "elevated": "has an elevated risk", "highest": "has the highest risk"}
NAMES = {card.number: name for name, card in cards.CARDS.items()}


def effect(card: Instrument) -> str:
    """Return what a payment with this card does, such as `asks for authentication; is accepted`."""
    parts = (AUTHENTICATIONS.get(card.authentication or ""), RISKS[card.risk], _result(card), _later(card))
    return "; ".join(filter(None, parts))


def is_plain(card: Instrument) -> bool:
    """Return whether a card is accepted and has no other effect."""
    return effect(card) == "is accepted"


def _result(card: Instrument) -> str:
    if card.decline is None:
        return "is accepted"
    verb = "is blocked" if card.risk == "highest" else "is declined"
    return f"{verb}: {card.decline.decline_code or card.decline.code}"


def _later(card: Instrument) -> str | None:
    if card.dispute:
        kind = "opens an inquiry" if card.inquiry else "is disputed"
        return f"{kind}{' twice' if card.disputes > 1 else ''}: {card.dispute}"
    if card.fraud_warning:
        return "gets an early fraud warning"
    if card.refund:
        fails = card.refund.result == "failed"
        return "a refund succeeds and then fails" if fails else "a refund is pending and then succeeds"
    return None
