"""Tests the expansion of ids."""

from typing import Any

import pytest

from stripe_emulator.calls import expansion
from stripe_emulator.reference.errors import StripeApiError
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


@pytest.mark.parametrize("path", ["currency", "livemode", "nonsense", "data", "product.nonsense", "a.b.c.d.e"])
def test_other_properties_cannot_be_expanded(account: Account, path: str) -> None:
    product = account.store.add(objects.make("product"))
    price = objects.make("price", product=product["id"], currency="sgd")

    with pytest.raises(StripeApiError, match="cannot be expanded"):
        expansion.expanded(account, price, [path])


def test_line_items_are_included_in_a_session(account: Account, session: dict[str, Any]) -> None:
    answer = expansion.expanded(account, session, ["line_items.data.price"])

    assert answer["line_items"]["data"][0]["price"]["unit_amount"] == 12000
    assert "line_items" not in session


def test_refunds_are_included_in_a_charge(account: Account) -> None:
    charge = account.store.add(objects.make("charge"))
    refund = account.store.add(objects.make("refund", charge=charge["id"]))
    account.store.add(objects.make("refund", charge="ch_other"))

    assert expansion.expanded(account, charge, ["refunds"])["refunds"]["data"] == [refund]
