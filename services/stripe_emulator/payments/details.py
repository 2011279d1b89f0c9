"""Describes payment methods, and the outcomes of charges, in Stripe's fields."""

from stripe_emulator.reference.cards import Decline, Instrument
from stripe_emulator.reference.shapes import Json


def card_details(card: Instrument, *, charged: bool) -> Json:
    """Return a card as it appears in a payment method, or in a charge."""
    details: Json = {"brand": card.brand, "country": card.country, "exp_month": 12, "exp_year": 2034}
    details |= {"fingerprint": f"emulator{card.last4}", "funding": "credit", "last4": card.last4, "wallet": None}
    checks = {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"}
    if charged:
        charge_only = {"network": card.brand, "three_d_secure": None, "installments": None, "mandate": None}
        return details | charge_only | {"checks": checks, "extended_authorization": {"status": "disabled"}}
    usage = {"networks": {"available": [card.brand], "preferred": None}, "generated_from": None}
    return details | usage | {"checks": checks, "three_d_secure_usage": {"supported": True}} | {
        "display_brand": card.brand, "regulated_status": "unregulated"
    }  # fmt: skip


def debit_details(bank: Instrument) -> Json:
    """Return a bank account as Stripe shows it, with the last four digits only."""
    return {"bank_code": "19043", "branch_code": "", "country": bank.country} | {
        "fingerprint": f"emulator{bank.last4}", "last4": bank.last4
    }  # fmt: skip


def method_details(instrument: Instrument, *, charged: bool = False) -> Json:
    """Return `{"card": {…}}` or `{"sepa_debit": {…}}`."""
    if instrument.kind == "card":
        return {"card": card_details(instrument, charged=charged)}
    return {instrument.kind: debit_details(instrument) | ({"mandate": None} if charged else {})}


def outcome(decline: Decline | None) -> Json:
    """Return the card network's result for a charge."""
    result: Json = {"advice_code": None, "network_advice_code": None, "network_decline_code": None}
    result |= {"reason": None, "risk_level": "normal", "risk_score": 20}
    if decline is None:
        answer = {"network_status": "approved_by_network", "seller_message": "Payment complete."}
        return result | answer | {"type": "authorized"}
    answer = {"network_status": "declined_by_network", "seller_message": "The bank did not accept this payment."}
    return result | answer | {"type": "issuer_declined", "reason": decline.decline_code or decline.code}


def payment_error(decline: Decline, method: Json, charge_id: str | None) -> Json:
    """Return a decline in the form of `last_payment_error` and of the API's `card_error`."""
    error: Json = {"code": decline.code, "message": decline.message, "type": "card_error"}
    if method["type"] != "card":
        error["type"] = "invalid_request_error"
    if decline.decline_code:
        error["decline_code"] = decline.decline_code
    doc_url = f"https://stripe.com/docs/error-codes/{decline.code.replace('_', '-')}"
    return error | {"charge": charge_id, "doc_url": doc_url, "payment_method": method}
