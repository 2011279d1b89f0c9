"""Refunds charges, in full or in part, and moves refunds from one status to the next."""

from stripe_emulator.payments import disputes, early_fraud_warnings
from stripe_emulator.reference import errors
from stripe_emulator.reference.cards import Settlement
from stripe_emulator.reference.shapes import Json
from stripe_emulator.state.account import Account
from stripe_emulator.state.objects import make, new_id
from stripe_emulator.state.store import ScheduledSettlement

# The statuses that a refund can have before each change. A succeeded refund can still fail.
FROM = {
    "succeeded": ("pending", "requires_action"),
    "requires_action": ("pending",),
    "canceled": ("pending", "requires_action"),
    "failed": ("pending", "requires_action", "succeeded"),
}
DEFAULT_FAILURE = "expired_or_canceled_card"
ACTION_SECONDS = 30 * 24 * 3600


def create(account: Account, charge: Json, amount: int | None, reason: str | None, metadata: dict[str, str]) -> Json:
    """Refund this amount, or everything that is left of the charge."""
    left = _refundable(account, charge, amount)
    later = account.store.instruments[charge["payment_method"]].refund
    is_pending = later is not None and later.result == "succeeded"
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
            status="pending" if is_pending else "succeeded",
        )
    )
    if is_pending:
        refund["pending_reason"] = "processing"
    previous = _count(charge, refund["amount"])
    account.emit("refund.created", refund)
    account.emit("charge.refunded", charge, previous)
    early_fraud_warnings.refresh(account, charge)
    if later is None:
        _emit_updated(account, refund, _add_reference(refund))
    else:
        _schedule(account, refund, later)
    return refund


def change_metadata(account: Account, refund: Json, metadata: dict[str, str]) -> None:
    """Replace the metadata of a refund."""
    previous, refund["metadata"] = {"metadata": refund["metadata"]}, metadata
    _emit_updated(account, refund, previous)


def succeed(account: Account, refund: Json) -> None:
    """Make a pending refund succeed."""
    previous = _move(account, refund, "succeeded")
    _emit_updated(account, refund, previous | _add_reference(refund))


def require_action(account: Account, refund: Json) -> None:
    """Make a pending refund wait for the customer, who gets an email with the instructions."""
    previous = _move(account, refund, "requires_action")
    email = {"email_sent_at": account.now(), "email_sent_to": "customer@example.test"}
    refund["next_action"] = {
        "type": "display_details",
        "display_details": {"email_sent": email, "expires_at": account.now() + ACTION_SECONDS},
    }
    _emit_updated(account, refund, previous)


def fail(account: Account, refund: Json, reason: str = DEFAULT_FAILURE) -> None:
    """Make the refund fail: its amount no longer counts as refunded."""
    previous = _move(account, refund, "failed")
    _give_back(account, refund, reason)
    account.emit("refund.failed", refund, previous)
    _emit_updated(account, refund, previous)


def cancel(account: Account, refund: Json) -> None:
    """Cancel a refund that has not succeeded: its amount no longer counts as refunded."""
    previous = _move(account, refund, "canceled")
    _give_back(account, refund, "merchant_request")
    _emit_updated(account, refund, previous)


def run_due(account: Account) -> None:
    """End the refunds of the test cards with a later result that are due."""
    for refund_id, scheduled in list(account.store.refund_results.items()):
        if scheduled.at <= account.now():
            end = succeed if scheduled.settlement.result == "succeeded" else fail
            end(account, account.store.get("refund", refund_id))


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


def _schedule(account: Account, refund: Json, later: Settlement) -> None:
    account.store.refund_results[refund["id"]] = ScheduledSettlement(later, account.now() + later.after_seconds)


def _move(account: Account, refund: Json, status: str) -> Json:
    """Change the status and return the previous attributes, or raise a StripeApiError."""
    if refund["status"] not in FROM[status]:
        raise errors.unexpected_state(
            f"A refund with the status {refund['status']} cannot become {status}.", "refund_unexpected_state"
        )
    account.store.refund_results.pop(refund["id"], None)
    previous = {"status": refund["status"]}
    refund["status"] = status
    refund.pop("pending_reason", None)
    refund.pop("next_action", None)
    return previous


def _give_back(account: Account, refund: Json, reason: str) -> None:
    """Return the refund's amount to the merchant's balance."""
    refund |= {"failure_reason": reason, "failure_balance_transaction": new_id("txn")}
    charge = account.store.get("charge", refund["charge"])
    _count(charge, -refund["amount"])
    early_fraud_warnings.refresh(account, charge)


def _count(charge: Json, amount: int) -> Json:
    """Add to the refunded amount of the charge and return the charge's previous attributes."""
    previous = {"amount_refunded": charge["amount_refunded"], "refunded": charge["refunded"]}
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
    return previous


def _add_reference(refund: Json) -> Json:
    """Add the bank's reference and return the previous attributes."""
    refund["destination_details"]["card"] |= {"reference": "7262725711015", "reference_status": "available"}
    return {"destination_details": {"card": {"reference_status": "pending"}}}


def _emit_updated(account: Account, refund: Json, previous: Json) -> None:
    account.emit("refund.updated", refund, previous)
    account.emit("charge.refund.updated", refund, previous)
