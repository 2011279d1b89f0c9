"""Products, prices and customers."""

from collections.abc import Callable
from typing import Any

import pytest

from stripe_emulator.calls.calls import Call
from stripe_emulator.reference.errors import ApiError
from stripe_emulator.state.account import Account
from stripe_emulator.v1 import catalog

Ask = Callable[..., Call]


def test_a_product_can_bring_its_first_price(account: Account, ask: Ask) -> None:
    data = {"currency": "SGD", "unit_amount": 12000}
    product = catalog.create_product(account, ask(name="Policy", default_price_data=data))
    price = catalog.retrieve_price(account, ask(product["default_price"]))

    assert (price["product"], price["currency"], price["unit_amount"]) == (product["id"], "sgd", 12000)


def test_a_price_can_bring_its_product(account: Account, ask: Ask) -> None:
    price = catalog.create_price(account, ask(currency="sgd", unit_amount=1, product_data={"name": "Policy"}))

    assert catalog.retrieve_product(account, ask(price["product"]))["name"] == "Policy"


def test_a_recurring_price_says_so(account: Account, ask: Ask) -> None:
    product = catalog.create_product(account, ask(name="Policy"))
    price = catalog.create_price(
        account, ask(currency="sgd", unit_amount=1, product=product["id"], recurring={"interval": "month"})
    )

    assert (price["type"], price["recurring"]["interval"]) == ("recurring", "month")


def test_an_inactive_price_buys_nothing(account: Account, ask: Ask) -> None:
    price = catalog.create_price(account, ask(currency="sgd", unit_amount=1, product_data={"name": "Policy"}))
    catalog.update_price(account, ask(price["id"], active=False))

    with pytest.raises(ApiError, match="inactive"):
        catalog.line_price(account, ask(price=price["id"]).params)


def test_an_update_changes_only_what_it_names(account: Account, ask: Ask, emitted: Any) -> None:
    product = catalog.create_product(account, ask(name="Policy", description="For Japan"))
    catalog.update_product(account, ask(product["id"], description="For Korea"))

    assert (product["name"], product["description"], product["active"]) == ("Policy", "For Korea", True)
    assert emitted.types == ["product.created", "product.updated"]


def test_lists_can_be_narrowed(account: Account, ask: Ask) -> None:
    one, other = (catalog.create_customer(account, ask(email=f"{name}@example.test")) for name in ("one", "other"))
    catalog.update_customer(account, ask(other["id"], email="third@example.test"))

    assert catalog.list_customers(account, ask(email="one@example.test"))["data"] == [one]
    assert catalog.list_customers(account, ask(email="third@example.test"))["data"] == [other]


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"unit_amount": 1, "product_data": {"name": "Policy"}}, "currency"),
        ({"currency": "sgd", "product_data": {"name": "Policy"}}, "unit_amount"),
        ({"currency": "sgd", "unit_amount": 1}, "product"),
        ({"currency": "sgd", "unit_amount": 1, "product_data": {}}, "product"),
        ({"currency": "sgd", "unit_amount": 1, "product": "prod_1"}, "product"),
        ({"currency": "sgd", "unit_amount": "1.5", "product_data": {"name": "Policy"}}, "unit_amount"),
    ],
)
def test_a_wrong_price_is_refused(account: Account, ask: Ask, params: dict[str, Any], param: str) -> None:
    with pytest.raises(ApiError) as refused:
        catalog.create_price(account, ask(**params))

    assert refused.value.param == param
