"""Describes payment methods, and the outcomes of charges, in Stripe's fields."""

from stripe_emulator.reference.cards import Decline, Instrument
from stripe_emulator.reference.shapes import Json

# https://docs.stripe.com/declines#blocked-payments, and the scores that Radar gives to each level of risk.
BLOCKED = {"network_status": "not_sent_to_network", "seller_message": "Stripe blocked this payment as too risky."}
AUTHENTICATION_FAILED = ("payment_intent_authentication_failure", "setup_intent_authentication_failure")
RISK_SCORES = {"normal": 20, "elevated": 65, "highest": 80}


def card_details(card: Instrument, *, charged: bool, three_d_secure: Json | None = None) -> Json:
    """Return a card as it appears in a payment method, or in a charge."""
    details: Json = {"brand": card.brand, "country": card.country, "exp_month": 12, "exp_year": 2034}
    details |= {"fingerprint": f"emulator{card.last4}", "funding": card.funding, "last4": card.last4, "wallet": None}
    cvc_check = "fail" if card.decline and card.decline.code == "incorrect_cvc" else "pass"
    checks = {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": cvc_check}
    if charged:
        charge_only = {"network": card.brand, "three_d_secure": three_d_secure, "installments": None, "mandate": None}
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


def authenticated(flow: str) -> Json:
    """Return the result of a successful authentication, with a page (`challenge`) or without one (`frictionless`)."""
    result: Json = {"authentication_flow": flow, "electronic_commerce_indicator": "05", "exemption_indicator": None}
    result |= {"result": "authenticated", "result_reason": None, "version": "2.2.0"}
    return result | {"transaction_id": "00000000-0000-4000-8000-000000000000"}


def method_details(instrument: Instrument, *, charged: bool = False, three_d_secure: Json | None = None) -> Json:
    """Return `{"card": {…}}` or `{"sepa_debit": {…}}`."""
    if instrument.kind == "card":
        return {"card": card_details(instrument, charged=charged, three_d_secure=three_d_secure)}
    return {instrument.kind: debit_details(instrument) | ({"mandate": None} if charged else {})}


def outcome(instrument: Instrument, decline: Decline | None) -> Json:
    """Return the result of a charge: from the card network, or from Radar, which blocks charges of the highest risk."""
    result: Json = {"advice_code": None, "network_advice_code": None, "network_decline_code": None, "reason": None}
    result |= {"risk_level": instrument.risk, "risk_score": RISK_SCORES[instrument.risk]}
    if decline is None:
        answer = {"network_status": "approved_by_network", "seller_message": "Payment complete."}
        return result | answer | {"type": "authorized"}
    if instrument.risk == "highest":
        return result | BLOCKED | {"type": "blocked", "reason": "highest_risk_level"}
    answer = {"network_status": "declined_by_network", "seller_message": "The bank did not accept this payment."}
    return result | answer | {"type": "issuer_declined", "reason": decline.decline_code or decline.code}


def payment_error(decline: Decline, method: Json, charge_id: str | None) -> Json:
    """Return a decline in the form of `last_payment_error` and of the API's `card_error`."""
    error: Json = {"code": decline.code, "message": decline.message, "type": "card_error"}
    if method["type"] != "card" or decline.code in AUTHENTICATION_FAILED:
        error["type"] = "invalid_request_error"
    if decline.decline_code:
        error["decline_code"] = decline.decline_code
    doc_url = f"https://stripe.com/docs/error-codes/{decline.code.replace('_', '-')}"
    return error | {"charge": charge_id, "doc_url": doc_url, "payment_method": method}
