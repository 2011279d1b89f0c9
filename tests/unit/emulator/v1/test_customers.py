"""Tests customers through the API."""

from collections.abc import Callable
from typing import Any

from stripe_emulator.calls.call import ApiCall
from stripe_emulator.state.account import Account
from stripe_emulator.v1 import customers

MakeCall = Callable[..., ApiCall]


def test_customers_are_filtered_by_email(account: Account, call: MakeCall) -> None:
    one, other = (customers.create(account, call(email=f"{name}@example.test")) for name in ("one", "other"))
    customers.update(account, call(other["id"], email="third@example.test"))

    assert customers.list_all(account, call(email="one@example.test"))["data"] == [one]
    assert customers.list_all(account, call(email="third@example.test"))["data"] == [other]


def test_a_partial_address_is_completed(account: Account, call: MakeCall) -> None:
    customer = customers.create(account, call(address={"country": "SG"}))

    assert (customer["address"]["country"], customer["address"]["city"]) == ("SG", None)
    assert customers.create(account, call())["address"] is None


def test_an_empty_parameter_unsets_a_field(account: Account, call: MakeCall, event_log: Any) -> None:
    customer = customers.create(account, call(name="Tan Ah Kow", phone="1", metadata={"a": "1"}))
    customers.update(account, call(customer["id"], phone="", metadata=""))

    assert customers.retrieve(account, call(customer["id"])) is customer
    assert (customer["name"], customer["phone"], customer["metadata"]) == ("Tan Ah Kow", None, {})
    assert event_log.types == ["customer.created", "customer.updated"]
