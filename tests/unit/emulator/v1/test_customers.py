"""Customers through the API."""

from collections.abc import Callable
from typing import Any

from stripe_emulator.calls.call import Call
from stripe_emulator.state.account import Account
from stripe_emulator.v1 import customers

Ask = Callable[..., Call]


def test_customers_are_filtered_by_email(account: Account, ask: Ask) -> None:
    one, other = (customers.create(account, ask(email=f"{name}@example.test")) for name in ("one", "other"))
    customers.update(account, ask(other["id"], email="third@example.test"))

    assert customers.list_all(account, ask(email="one@example.test"))["data"] == [one]
    assert customers.list_all(account, ask(email="third@example.test"))["data"] == [other]


def test_a_partial_address_is_completed(account: Account, ask: Ask) -> None:
    customer = customers.create(account, ask(address={"country": "SG"}))

    assert (customer["address"]["country"], customer["address"]["city"]) == ("SG", None)
    assert customers.create(account, ask())["address"] is None


def test_an_empty_parameter_unsets_a_field(account: Account, ask: Ask, emitted: Any) -> None:
    customer = customers.create(account, ask(name="Tan Ah Kow", phone="1", metadata={"a": "1"}))
    customers.update(account, ask(customer["id"], phone="", metadata=""))

    assert customers.retrieve(account, ask(customer["id"])) is customer
    assert (customer["name"], customer["phone"], customer["metadata"]) == ("Tan Ah Kow", None, {})
    assert emitted.types == ["customer.created", "customer.updated"]
