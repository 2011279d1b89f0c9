"""Refunds charges, in full or in part, and makes refunds fail."""

from stripe_emulator.payments import disputes
from stripe_emulator.reference import errors
from stripe_emulator.reference.shapes import Json
from stripe_emulator.state.account import Account
from stripe_emulator.state.objects import make


def create(account: Account, charge: Json, amount: int | None, reason: str | None, metadata: dict[str, str]) -> Json:
    """Refund this amount, or everything that is left of the charge."""
    left = _refundable(account, charge, amount)
    behaviour = account.store.instruments[charge["payment_method"]].refund
    refund = account.store.add(
        make(
            "refund",
            amount=left if amount is None else amount,
            charge=charge["id"],
            created=account.now(),
            currency=charge["currency"],
            metadata=metadata,
            payment_intent=charge["payment_intent"],
            reason=reason,
            status="pending" if behaviour == "pending" else "succeeded",
        )
    )
    previous = {"amount_refunded": charge["amount_refunded"], "refunded": charge["refunded"]}
    charge["amount_refunded"] += refund["amount"]
    charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
    account.emit("refund.created", refund)
    account.emit("charge.refunded", charge, previous)
    if behaviour == "fails":
        fail(account, refund)
    else:
        _succeed(account, refund)
    return refund


def change_metadata(account: Account, refund: Json, metadata: dict[str, str]) -> None:
    """Replace the metadata of a refund."""
    previous, refund["metadata"] = {"metadata": refund["metadata"]}, metadata
    _emit_updated(account, refund, previous)


def fail(account: Account, refund: Json) -> None:
    """Make the refund fail: its amount no longer counts as refunded."""
    if refund["status"] == "failed":
        raise errors.unexpected_state("This refund has already failed.", "refund_already_failed")
    previous = {"status": refund["status"]}
    refund |= {"status": "failed", "failure_reason": "expired_or_canceled_card"}
    charge = account.store.get("charge", refund["charge"])
    charge["amount_refunded"] -= refund["amount"]
    charge["refunded"] = False
    account.emit("refund.failed", refund, previous)
    _emit_updated(account, refund, previous)


def _refundable(account: Account, charge: Json, amount: int | None) -> int:
    """Return how much of the charge can be refunded, or raise a StripeApiError."""
    left: int = charge["amount_captured"] - charge["amount_refunded"]
    if charge["status"] != "succeeded" or left <= 0:
        raise errors.unexpected_state(
            f"Charge {charge['id']} has already been refunded." if charge["refunded"] else "This charge is not paid.",
            "charge_already_refunded" if charge["refunded"] else "charge_not_refundable",
        )
    if amount is not None and amount > left:
        raise errors.invalid(f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})", "amount")
    if any(not dispute["is_charge_refundable"] for dispute in disputes.of_charge(account, charge["id"])):
        raise errors.unexpected_state(
            f"Charge {charge['id']} has been charged back; cannot issue a refund.", "charge_disputed"
        )
    return left


def _succeed(account: Account, refund: Json) -> None:
    """Add the bank's reference. A pending refund succeeds."""
    previous = {"status": refund["status"]} if refund["status"] == "pending" else {}
    refund["status"] = "succeeded"
    refund["destination_details"]["card"] |= {"reference": "7262725711015", "reference_status": "available"}
    _emit_updated(account, refund, previous | {"destination_details": {"card": {"reference_status": "pending"}}})


def _emit_updated(account: Account, refund: Json, previous: Json) -> None:
    account.emit("refund.updated", refund, previous)
    account.emit("charge.refund.updated", refund, previous)
