"""Tests subscriptions and SetupIntents through the API."""

from collections.abc import Callable

from stripe_emulator.calls.call import ApiCall
from stripe_emulator.state.account import Account
from stripe_emulator.state.objects import make
from stripe_emulator.v1 import subscriptions


def test_subscriptions_are_listed_and_retrieved(account: Account, call: Callable[..., ApiCall]) -> None:
    stored = account.store.add(make("subscription", customer="cus_1"))

    assert subscriptions.retrieve(account, call(stored["id"])) is stored
    assert subscriptions.list_all(account, call(customer="cus_1"))["data"] == [stored]
    assert subscriptions.list_all(account, call(customer="cus_2"))["data"] == []


def test_setup_intents_are_listed_and_retrieved(account: Account, call: Callable[..., ApiCall]) -> None:
    stored = account.store.add(make("setup_intent", customer="cus_1"))

    assert subscriptions.retrieve_setup_intent(account, call(stored["id"])) is stored
    assert subscriptions.list_setup_intents(account, call(customer="cus_1"))["data"] == [stored]
    assert subscriptions.list_setup_intents(account, call(payment_method="pm_1"))["data"] == []
