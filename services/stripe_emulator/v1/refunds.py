"""Serves `/v1/refunds`."""

from typing import Annotated, Literal

from pydantic import Field

from stripe_emulator.calls import lists
from stripe_emulator.calls.call import ApiCall
from stripe_emulator.calls.lists import ListParameters
from stripe_emulator.calls.parameters import Integer, MetadataParameters, NoParameters, Text
from stripe_emulator.payments import refunds
from stripe_emulator.reference import errors
from stripe_emulator.reference.shapes import Json
from stripe_emulator.state.account import Account


class CreateRefund(MetadataParameters):
    """The parameters of a new refund."""

    charge: Text | None = None
    payment_intent: Text | None = None
    amount: Annotated[Integer, Field(ge=1)] | None = None
    reason: Literal["duplicate", "fraudulent", "requested_by_customer"] | None = None


class ListRefunds(ListParameters):
    """The filters of the list of refunds."""

    charge: Text | None = None
    payment_intent: Text | None = None


def create(account: Account, call: ApiCall) -> Json:
    """Refund a charge, in full or in part."""
    params = call.read(CreateRefund)
    charge = _charge(account, params)
    return refunds.create(account, charge, params.amount, params.reason, params.metadata or {})


def retrieve(account: Account, call: ApiCall) -> Json:
    """Return a refund."""
    call.read(NoParameters)
    return account.store.get("refund", call.id)


def list_all(account: Account, call: ApiCall) -> Json:
    """List refunds."""
    return lists.page(account, call, "refund", ListRefunds)


def update(account: Account, call: ApiCall) -> Json:
    """Change the metadata of a refund."""
    params = call.read(MetadataParameters)
    refund = account.store.get("refund", call.id)
    refunds.change_metadata(account, refund, params.merged_metadata(refund["metadata"]))
    return refund


def cancel(account: Account, call: ApiCall) -> Json:
    """Cancel a refund that has not succeeded."""
    call.read(NoParameters)
    refund = account.store.get("refund", call.id)
    refunds.cancel(account, refund)
    return refund


def _charge(account: Account, params: CreateRefund) -> Json:
    if bool(params.charge) == bool(params.payment_intent):
        raise errors.invalid(
            "One of the following params should be provided for this request: payment_intent or charge.",
            "payment_intent",
        )
    if not params.payment_intent:
        return account.store.get("charge", params.charge or "", "charge")
    intent = account.store.get("payment_intent", params.payment_intent, "payment_intent")
    if intent["status"] != "succeeded":
        raise errors.unexpected_state(
            f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.",
            "payment_intent_unexpected_state",
        )
    return account.store.get("charge", intent["latest_charge"], "charge")
