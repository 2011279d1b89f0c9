"""Serves `/v1/products` and `/v1/prices`."""

from typing import Annotated, Literal

from pydantic import Field

from stripe_emulator.calls import lists
from stripe_emulator.calls.call import ApiCall
from stripe_emulator.calls.lists import ListParameters
from stripe_emulator.calls.parameters import (
    Currency,
    Flag,
    Integer,
    MetadataParameters,
    NoParameters,
    Parameters,
    Text,
    Texts,
)
from stripe_emulator.reference import errors, money
from stripe_emulator.reference.shapes import Json
from stripe_emulator.state.account import Account
from stripe_emulator.state.objects import make

UnitAmount = Annotated[Integer, Field(ge=0, le=money.MAXIMUM)]


class Recurring(Parameters):
    """The branch `recurring` of a price."""

    interval: Literal["day", "week", "month", "year"]
    interval_count: Annotated[Integer, Field(ge=1)] | None = None


class PriceFields(MetadataParameters):
    """What a price costs, without its product."""

    currency: Currency
    unit_amount: UnitAmount | None = None
    unit_amount_decimal: UnitAmount | None = None
    recurring: Recurring | None = None
    lookup_key: Text | None = None
    nickname: Text | None = None
    tax_behavior: Literal["exclusive", "inclusive", "unspecified"] | None = None


class ProductFields(MetadataParameters):
    """A new product without its price."""

    name: Text
    description: Text | None = None
    images: Texts | None = None
    tax_code: Text | None = None


class CreateProduct(ProductFields):
    """The parameters of a new product."""

    id: Text | None = None
    default_price_data: PriceFields | None = None


class CreatePrice(PriceFields):
    """The parameters of a new price, of an existing or a new product."""

    product: Text | None = None
    product_data: ProductFields | None = None


class UpdateProduct(MetadataParameters):
    """The parameters of a product that can be changed."""

    name: Text = ""
    description: Text | None = None
    url: Text | None = None
    unit_label: Text | None = None
    statement_descriptor: Text | None = None
    active: Flag | None = None


class UpdatePrice(MetadataParameters):
    """The parameters of a price that can be changed."""

    nickname: Text | None = None
    active: Flag | None = None


class ListProducts(ListParameters):
    """The filters of the list of products."""

    active: Flag | None = None


class ListPrices(ListParameters):
    """The filters of the list of prices."""

    active: Flag | None = None
    product: Text | None = None
    currency: Text | None = None


def create_product(account: Account, call: ApiCall) -> Json:
    """Create a product, and its first price if `default_price_data` is given."""
    params = call.read(CreateProduct)
    product = _new_product(account, params, params.id)
    if params.default_price_data:
        product["default_price"] = _new_price(account, params.default_price_data, product["id"])["id"]
    account.emit("product.created", product)
    return product


def update_product(account: Account, call: ApiCall) -> Json:
    """Change a product."""
    params = call.read(UpdateProduct)
    product = account.store.get("product", call.id)
    product |= params.given() | {"metadata": params.merged_metadata(product["metadata"]), "updated": account.now()}
    account.emit("product.updated", product)
    return product


def retrieve_product(account: Account, call: ApiCall) -> Json:
    """Return a product."""
    call.read(NoParameters)
    return account.store.get("product", call.id)


def list_products(account: Account, call: ApiCall) -> Json:
    """List products."""
    return lists.page(account, call, "product", ListProducts)


def create_price(account: Account, call: ApiCall) -> Json:
    """Create a price."""
    price = new_price(account, call.read(CreatePrice))
    account.emit("price.created", price)
    return price


def update_price(account: Account, call: ApiCall) -> Json:
    """Rename or deactivate a price. The amount never changes."""
    params = call.read(UpdatePrice)
    price = account.store.get("price", call.id)
    price |= params.given() | {"metadata": params.merged_metadata(price["metadata"])}
    account.emit("price.updated", price)
    return price


def retrieve_price(account: Account, call: ApiCall) -> Json:
    """Return a price."""
    call.read(NoParameters)
    return account.store.get("price", call.id)


def list_prices(account: Account, call: ApiCall) -> Json:
    """List prices."""
    return lists.page(account, call, "price", ListPrices)


def new_price(account: Account, params: CreatePrice, branch: str = "", *, active: bool = True) -> Json:
    """Create a price and, if it is not for an existing product, its product. `branch` is for error messages."""
    if params.product and params.product_data:
        raise errors.unknown(_name(branch, "product_data"))
    product_id = params.product
    if product_id:
        account.store.get("product", product_id, _name(branch, "product"))
    elif params.product_data is None:
        raise errors.missing(_name(branch, "product"))
    _amount(params, branch)
    if params.product_data:
        product_id = _new_product(account, params.product_data)["id"]
    return _new_price(account, params, product_id or "", branch, active=active)


def _new_price(
    account: Account, params: PriceFields, product_id: str, branch: str = "default_price_data", *, active: bool = True
) -> Json:
    amount = _amount(params, branch)
    return account.store.add(
        make(
            "price",
            active=active,
            created=account.now(),
            currency=params.currency,
            lookup_key=params.lookup_key,
            metadata=params.metadata or {},
            nickname=params.nickname,
            product=product_id,
            recurring=_recurring(params.recurring),
            type="recurring" if params.recurring else "one_time",
            tax_behavior=params.tax_behavior or "unspecified",
            unit_amount=amount,
            unit_amount_decimal=str(amount),
        )
    )


def _new_product(account: Account, params: ProductFields, product_id: str | None = None) -> Json:
    chosen = {"id": product_id} if product_id else {}
    return account.store.add(
        make(
            "product",
            created=account.now(),
            description=params.description,
            images=params.images or [],
            metadata=params.metadata or {},
            name=params.name,
            tax_code=params.tax_code,
            updated=account.now(),
            **chosen,
        )
    )


def _recurring(params: Recurring | None) -> Json | None:
    if params is None:
        return None
    fixed = {"meter": None, "trial_period_days": None, "usage_type": "licensed"}
    return {"interval": params.interval, "interval_count": params.interval_count or 1} | fixed


def _amount(params: PriceFields, branch: str) -> int:
    field = "unit_amount_decimal" if "unit_amount_decimal" in params.model_fields_set else "unit_amount"
    amount: int | None = getattr(params, field)
    if amount is None:
        raise errors.missing(_name(branch, field))
    return amount


def _name(branch: str, field: str) -> str:
    return f"{branch}[{field}]" if branch else field
