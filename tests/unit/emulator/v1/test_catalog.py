"""Products and prices through the API."""

from collections.abc import Callable
from typing import Any

import pytest

from stripe_emulator.calls.call import Call
from stripe_emulator.reference.errors import ApiError
from stripe_emulator.state.account import Account
from stripe_emulator.v1 import catalog

Ask = Callable[..., Call]


def test_a_product_can_be_created_with_a_price(account: Account, ask: Ask) -> None:
    data = {"currency": "SGD", "unit_amount": 12000}
    product = catalog.create_product(account, ask(name="Policy", default_price_data=data))
    price = catalog.retrieve_price(account, ask(product["default_price"]))

    assert (price["product"], price["currency"], price["unit_amount"]) == (product["id"], "sgd", 12000)


def test_a_price_can_be_created_with_a_product(account: Account, ask: Ask) -> None:
    price = catalog.create_price(account, ask(currency="sgd", unit_amount=1, product_data={"name": "Policy"}))

    assert catalog.retrieve_product(account, ask(price["product"]))["name"] == "Policy"


def test_a_price_can_be_recurring(account: Account, ask: Ask) -> None:
    product = catalog.create_product(account, ask(name="Policy"))
    price = catalog.create_price(
        account, ask(currency="sgd", unit_amount=1, product=product["id"], recurring={"interval": "month"})
    )

    assert (price["type"], price["recurring"]["interval"]) == ("recurring", "month")


def test_an_update_changes_only_given_fields(account: Account, ask: Ask, emitted: Any) -> None:
    product = catalog.create_product(account, ask(name="Policy", description="For Japan"))
    catalog.update_product(account, ask(product["id"], description="For Korea"))

    assert (product["name"], product["description"], product["active"]) == ("Policy", "For Korea", True)
    assert emitted.types == ["product.created", "product.updated"]


def test_prices_and_products_are_filtered(account: Account, ask: Ask) -> None:
    price = catalog.create_price(account, ask(currency="sgd", unit_amount=1, product_data={"name": "Policy"}))
    catalog.update_price(account, ask(price["id"], active=False, nickname="Old"))

    assert catalog.list_prices(account, ask(active=False, product=price["product"]))["data"] == [price]
    assert catalog.list_prices(account, ask(active=True))["data"] == []
    assert len(catalog.list_products(account, ask(active=True))["data"]) == 1
    assert price["nickname"] == "Old"


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"unit_amount": 1, "product_data": {"name": "Policy"}}, "currency"),
        ({"currency": "sgd", "product_data": {"name": "Policy"}}, "unit_amount"),
        ({"currency": "sgd", "unit_amount": 1}, "product"),
        ({"currency": "sgd", "unit_amount": 1, "product_data": {}}, "product"),
        ({"currency": "sgd", "unit_amount": 1, "product": "prod_1"}, "product"),
        ({"currency": "sgd", "unit_amount": 1, "product": "prod_1", "product_data": {"name": "P"}}, "product_data"),
        ({"currency": "sgd", "unit_amount": "1.5", "product_data": {"name": "Policy"}}, "unit_amount"),
    ],
)
def test_an_invalid_price_names_its_parameter(account: Account, ask: Ask, params: dict[str, Any], param: str) -> None:
    with pytest.raises(ApiError) as refused:
        catalog.create_price(account, ask(**params))

    assert refused.value.param == param
