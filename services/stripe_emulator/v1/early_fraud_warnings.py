"""Serves `/v1/radar/early_fraud_warnings`."""

from stripe_emulator.calls import lists
from stripe_emulator.calls.call import ApiCall
from stripe_emulator.calls.lists import ListParameters
from stripe_emulator.calls.parameters import NoParameters, Text
from stripe_emulator.reference.shapes import Json
from stripe_emulator.state.account import Account


class ListWarnings(ListParameters):
    """The filters of the list of early fraud warnings."""

    charge: Text | None = None
    payment_intent: Text | None = None


def retrieve(account: Account, call: ApiCall) -> Json:
    """Return an early fraud warning."""
    call.read(NoParameters)
    return account.store.get("radar.early_fraud_warning", call.id)


def list_all(account: Account, call: ApiCall) -> Json:
    """List early fraud warnings."""
    return lists.page(account, call, "radar.early_fraud_warning", ListWarnings)
