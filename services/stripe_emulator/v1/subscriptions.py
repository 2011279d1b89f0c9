"""Serves `/v1/subscriptions` and `/v1/setup_intents`, which only checkout sessions create here."""

from stripe_emulator.calls import lists
from stripe_emulator.calls.call import ApiCall
from stripe_emulator.calls.lists import ListParameters
from stripe_emulator.calls.parameters import NoParameters, Text
from stripe_emulator.reference.shapes import Json
from stripe_emulator.state.account import Account


class ListSubscriptions(ListParameters):
    """The filters of the list of subscriptions."""

    customer: Text | None = None
    status: Text | None = None


class ListSetupIntents(ListParameters):
    """The filters of the list of SetupIntents."""

    customer: Text | None = None
    payment_method: Text | None = None


def retrieve(account: Account, call: ApiCall) -> Json:
    """Return a subscription."""
    call.read(NoParameters)
    return account.store.get("subscription", call.id)


def list_all(account: Account, call: ApiCall) -> Json:
    """List subscriptions."""
    return lists.page(account, call, "subscription", ListSubscriptions)


def retrieve_setup_intent(account: Account, call: ApiCall) -> Json:
    """Return a SetupIntent."""
    call.read(NoParameters)
    return account.store.get("setup_intent", call.id)


def list_setup_intents(account: Account, call: ApiCall) -> Json:
    """List SetupIntents."""
    return lists.page(account, call, "setup_intent", ListSetupIntents)
