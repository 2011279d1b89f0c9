"""Creates early fraud warnings, and updates them when their charge is refunded or disputed."""

from stripe_emulator.reference import errors
from stripe_emulator.reference.shapes import Json
from stripe_emulator.state.account import Account
from stripe_emulator.state.objects import make


def create_if_test_card(account: Account, intent: Json) -> None:
    """Warn about the payment if it was paid with a test card that always gets a warning."""
    instrument = account.store.instruments.get(intent["payment_method"] or "")
    if instrument and instrument.fraud_warning and intent["status"] == "succeeded":
        create(account, intent, instrument.fraud_warning)


def create(account: Account, intent: Json, fraud_type: str) -> Json:
    """Warn about the charge of a PaymentIntent."""
    charge = account.store.get("charge", intent["latest_charge"] or "none", "payment_intent")
    if charge["status"] != "succeeded":
        raise errors.unexpected_state("Only a succeeded charge can get a warning.", "charge_not_succeeded")
    warning = account.store.add(
        make(
            "radar.early_fraud_warning",
            actionable=_is_actionable(charge),
            charge=charge["id"],
            created=account.now(),
            fraud_type=fraud_type,
            payment_intent=intent["id"],
        )
    )
    account.emit("radar.early_fraud_warning.created", warning)
    return warning


def refresh(account: Account, charge: Json) -> None:
    """Update the warnings of a charge after a refund or a dispute."""
    for warning in account.store.oldest_first("radar.early_fraud_warning"):
        if warning["charge"] == charge["id"] and warning["actionable"] != _is_actionable(charge):
            previous, warning["actionable"] = {"actionable": warning["actionable"]}, _is_actionable(charge)
            account.emit("radar.early_fraud_warning.updated", warning, previous)


def _is_actionable(charge: Json) -> bool:
    # https://docs.stripe.com/api/radar/early_fraud_warnings/object#early_fraud_warning_object-actionable
    return not charge["refunded"] and not charge["disputed"]
