"""Tests products and prices through the API."""

from collections.abc import Callable
from typing import Any

import pytest

from stripe_emulator.calls.call import ApiCall
from stripe_emulator.reference.errors import StripeApiError
from stripe_emulator.state.account import Account
from stripe_emulator.v1 import catalog

MakeCall = Callable[..., ApiCall]


def test_a_product_can_be_created_with_a_price(account: Account, call: MakeCall) -> None:
    data = {"currency": "SGD", "unit_amount": 12000}
    product = catalog.create_product(account, call(name="Policy", default_price_data=data))
    price = catalog.retrieve_price(account, call(product["default_price"]))

    assert (price["product"], price["currency"], price["unit_amount"]) == (product["id"], "sgd", 12000)


def test_a_price_can_be_created_with_a_product(account: Account, call: MakeCall) -> None:
    price = catalog.create_price(account, call(currency="sgd", unit_amount=1, product_data={"name": "Policy"}))

    assert catalog.retrieve_product(account, call(price["product"]))["name"] == "Policy"


def test_a_price_can_be_recurring(account: Account, call: MakeCall) -> None:
    product = catalog.create_product(account, call(name="Policy"))
    price = catalog.create_price(
        account, call(currency="sgd", unit_amount=1, product=product["id"], recurring={"interval": "month"})
    )

    assert (price["type"], price["recurring"]["interval"]) == ("recurring", "month")


def test_an_update_changes_only_given_fields(account: Account, call: MakeCall, event_log: Any) -> None:
    product = catalog.create_product(account, call(name="Policy", description="For Japan"))
    catalog.update_product(account, call(product["id"], description="For Korea"))

    assert (product["name"], product["description"], product["active"]) == ("Policy", "For Korea", True)
    assert event_log.types == ["product.created", "product.updated"]


def test_prices_and_products_are_filtered(account: Account, call: MakeCall) -> None:
    price = catalog.create_price(account, call(currency="sgd", unit_amount=1, product_data={"name": "Policy"}))
    catalog.update_price(account, call(price["id"], active=False, nickname="Old"))

    assert catalog.list_prices(account, call(active=False, product=price["product"]))["data"] == [price]
    assert catalog.list_prices(account, call(active=True))["data"] == []
    assert len(catalog.list_products(account, call(active=True))["data"]) == 1
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
def test_an_invalid_price_names_its_parameter(
    account: Account, call: MakeCall, params: dict[str, Any], param: str
) -> None:
    with pytest.raises(StripeApiError) as error_info:
        catalog.create_price(account, call(**params))

    assert error_info.value.param == param
