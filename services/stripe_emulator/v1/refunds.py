"""`/v1/refunds`: money given back, wholly or in parts, and refunds that fail later."""

from stripe_emulator.calls import calls
from stripe_emulator.calls.calls import Call
from stripe_emulator.calls.params import Params
from stripe_emulator.reference import errors
from stripe_emulator.reference.errors import Json
from stripe_emulator.state.account import Account
from stripe_emulator.state.objects import make
from stripe_emulator.v1 import disputes

REASONS = ("duplicate", "fraudulent", "requested_by_customer")


def create(account: Account, call: Call) -> Json:
    """Give back a charge, or part of it."""
    params = call.params
    charge = _charge(account, params)
    amount = params.integer("amount", minimum=1)
    reason, metadata = params.choice("reason", REASONS), params.metadata()
    params.finish()
    left = charge["amount_captured"] - charge["amount_refunded"]
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
    return _refund(account, charge, left if amount is None else amount, reason, metadata)


def retrieve(account: Account, call: Call) -> Json:
    """A refund by its id."""
    return account.store.get("refund", call.id)


def list_all(account: Account, call: Call) -> Json:
    """Refunds, by what was paid."""
    params = call.params
    return calls.page(
        account, call, "refund", charge=params.text("charge"), payment_intent=params.text("payment_intent")
    )


def update(account: Account, call: Call) -> Json:
    """Metadata is all that changes by hand."""
    refund = retrieve(account, call)
    previous, metadata = {"metadata": refund["metadata"]}, call.params.merged_metadata(refund["metadata"])
    call.params.finish()
    refund["metadata"] = metadata
    _updated(account, refund, previous)
    return refund


def fail(account: Account, refund: Json) -> None:
    """The bank sends the money back: the charge counts as paid again by that much."""
    if refund["status"] == "failed":
        raise errors.unexpected_state("This refund has already failed.", "refund_already_failed")
    previous = {"status": refund["status"]}
    refund |= {"status": "failed", "failure_reason": "expired_or_canceled_card"}
    charge = account.store.get("charge", refund["charge"])
    charge["amount_refunded"] -= refund["amount"]
    charge["refunded"] = False
    account.emit("refund.failed", refund, previous)
    _updated(account, refund, previous)


def _charge(account: Account, params: Params) -> Json:
    charge, intent = params.text("charge"), params.text("payment_intent")
    if bool(charge) == bool(intent):
        raise errors.invalid(
            "One of the following params should be provided for this request: payment_intent or charge.",
            "payment_intent",
        )
    if intent:
        found = account.store.get("payment_intent", intent, "payment_intent")
        if found["status"] != "succeeded":
            raise errors.unexpected_state(
                f"This PaymentIntent ({intent}) does not have a successful charge to refund.",
                "payment_intent_unexpected_state",
            )
        charge = found["latest_charge"]
    return account.store.get("charge", charge or "", "charge")


def _refund(account: Account, charge: Json, amount: int, reason: str | None, metadata: dict[str, str]) -> Json:
    behaviour = account.store.instruments[charge["payment_method"]].refund
    refund = account.store.add(
        make(
            "refund",
            amount=amount,
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
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
    account.emit("refund.created", refund)
    account.emit("charge.refunded", charge, previous)
    if behaviour == "fails":
        fail(account, refund)
    else:
        _arrive(account, refund)
    return refund


def _arrive(account: Account, refund: Json) -> None:
    """The bank names its reference, and a refund that was pending has succeeded."""
    previous = {"status": refund["status"]} if refund["status"] == "pending" else {}
    refund["status"] = "succeeded"
    refund["destination_details"]["card"] |= {"reference": "7262725711015", "reference_status": "available"}
    _updated(account, refund, previous | {"destination_details": {"card": {"reference_status": "pending"}}})


def _updated(account: Account, refund: Json, previous: Json) -> None:
    account.emit("refund.updated", refund, previous)
    account.emit("charge.refund.updated", refund, previous)
