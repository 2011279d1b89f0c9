"""Expansion of ids."""

import pytest

from stripe_emulator.calls import expansion
from stripe_emulator.reference.errors import ApiError
from stripe_emulator.state import objects
from stripe_emulator.state.account import Account


def test_expansion_changes_the_answer_but_not_the_store(account: Account) -> None:
    product = account.store.add(objects.make("product", name="Policy"))
    price = account.store.add(objects.make("price", product=product["id"]))

    assert expansion.expanded(account, price, ["product"])["product"]["name"] == "Policy"
    assert price["product"] == product["id"]


def test_expansion_reaches_into_lists(account: Account) -> None:
    product = account.store.add(objects.make("product", name="Policy"))
    page = objects.listing("/v1/prices", [objects.make("price", product=product["id"])])

    assert expansion.expanded(account, page, ["data.product"])["data"][0]["product"]["name"] == "Policy"


def test_an_empty_field_expands_to_null(account: Account) -> None:
    assert expansion.expanded(account, objects.make("checkout.session"), ["payment_intent"])["payment_intent"] is None


@pytest.mark.parametrize("path", ["currency", "livemode", "nonsense", "data", "product.nonsense"])
def test_other_properties_cannot_be_expanded(account: Account, path: str) -> None:
    product = account.store.add(objects.make("product"))
    price = objects.make("price", product=product["id"], currency="sgd")

    with pytest.raises(ApiError, match="cannot be expanded"):
        expansion.expanded(account, price, [path])
