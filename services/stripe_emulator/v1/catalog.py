"""Products, prices and customers: what is bought and by whom; no payment in it."""

from stripe_emulator.calls import calls
from stripe_emulator.calls.calls import Call
from stripe_emulator.calls.params import Params
from stripe_emulator.reference import errors, money
from stripe_emulator.reference.errors import Json
from stripe_emulator.state.account import Account
from stripe_emulator.state.objects import ADDRESS, make

MAX_UNIT_AMOUNT = money.MAXIMUM


def create_product(account: Account, call: Call) -> Json:
    """A product, with its first price when default_price_data is given."""
    params = call.params
    product = _product(account, params, params.text("id"))
    first_price = params.child("default_price_data")
    if params.has("default_price_data"):
        product["default_price"] = _price(account, first_price, product["id"])["id"]
    params.finish()
    account.emit("product.created", product)
    return product


def update_product(account: Account, call: Call) -> Json:
    """Change what a product says of itself."""
    product, params = retrieve_product(account, call), call.params
    names = ("description", "url", "unit_label", "statement_descriptor")
    _change(product, params, names, {"name": params.required("name")} if params.has("name") else {})
    product["updated"] = account.now()
    account.emit("product.updated", product)
    return product


def retrieve_product(account: Account, call: Call) -> Json:
    """A product by its id."""
    return account.store.get("product", call.id)


def list_products(account: Account, call: Call) -> Json:
    """Products."""
    return calls.page(account, call, "product", active=call.params.flag("active"))


def create_price(account: Account, call: Call) -> Json:
    """A price of a product."""
    params = call.params
    product = params.text("product")
    if product:
        account.store.get("product", product, "product")
    elif not params.has("product_data"):
        raise errors.missing("product")
    price = _price(account, params, product)
    params.finish()
    account.emit("price.created", price)
    return price


def update_price(account: Account, call: Call) -> Json:
    """Rename a price or take it out of use; what it costs never changes."""
    price, params = retrieve_price(account, call), call.params
    _change(price, params, ("nickname",), {})
    account.emit("price.updated", price)
    return price


def retrieve_price(account: Account, call: Call) -> Json:
    """A price by its id."""
    return account.store.get("price", call.id)


def list_prices(account: Account, call: Call) -> Json:
    """Prices."""
    params = call.params
    return calls.page(
        account,
        call,
        "price",
        active=params.flag("active"),
        product=params.text("product"),
        currency=params.text("currency"),
    )


def line_price(account: Account, row: Params) -> Json:
    """The price of a line item: one that exists, or one made for it; never a recurring one."""
    price = _line_price(account, row)
    if price["recurring"]:
        raise errors.invalid(
            "You specified `payment` mode but passed a recurring price.", row.name("price"), "resource_invalid"
        )
    return price


def _line_price(account: Account, row: Params) -> Json:
    existing = row.text("price")
    if existing:
        price = account.store.get("price", existing, row.name("price"))
        if not price["active"]:
            raise errors.invalid("The price specified is inactive.", row.name("price"))
        return price
    data = row.child("price_data")
    product = data.text("product")
    if product:
        account.store.get("product", product, data.name("product"))
    elif not data.has("product_data"):
        raise errors.missing(data.name("product"))
    return _price(account, data, product, active=False)


def create_customer(account: Account, call: Call) -> Json:
    """A customer."""
    params = call.params
    texts = {name: params.text(name) for name in ("description", "email", "name", "phone")}
    address = ADDRESS | (params.raw("address") or {}) if params.has("address") else None
    customer = make("customer", address=address, created=account.now(), metadata=params.metadata(), **texts)
    params.finish()
    account.emit("customer.created", account.store.add(customer))
    return customer


def update_customer(account: Account, call: Call) -> Json:
    """Change what is known of a customer."""
    customer = retrieve_customer(account, call)
    _change(customer, call.params, ("description", "email", "name", "phone"), {})
    account.emit("customer.updated", customer)
    return customer


def retrieve_customer(account: Account, call: Call) -> Json:
    """A customer by their id."""
    return account.store.get("customer", call.id)


def list_customers(account: Account, call: Call) -> Json:
    """Customers."""
    return calls.page(account, call, "customer", email=call.params.text("email"))


def _change(thing: Json, params: Params, names: tuple[str, ...], changes: Json) -> None:
    changes |= {name: params.text(name) for name in names if params.has(name)}
    if "active" in thing and params.has("active"):
        changes["active"] = params.flag("active")
    changes["metadata"] = params.merged_metadata(thing["metadata"])
    params.finish()
    thing |= changes


def _product(account: Account, params: Params, product_id: str | None = None) -> Json:
    chosen = {"id": product_id} if product_id else {}
    return account.store.add(
        make(
            "product",
            created=account.now(),
            description=params.text("description"),
            images=params.texts("images"),
            metadata=params.metadata(),
            name=params.required("name"),
            tax_code=params.text("tax_code"),
            updated=account.now(),
            **chosen,
        )
    )


def _price(account: Account, params: Params, product: str | None, *, active: bool = True) -> Json:
    currency = money.currency(params.required("currency"), params.name("currency"))
    amount = _unit_amount(params)
    recurring = _recurring(params)
    if product is None:
        product = _product(account, params.child("product_data"))["id"]
    return account.store.add(
        make(
            "price",
            active=active,
            created=account.now(),
            currency=currency,
            lookup_key=params.text("lookup_key"),
            metadata=params.metadata(),
            nickname=params.text("nickname"),
            product=product,
            recurring=recurring,
            type="recurring" if recurring else "one_time",
            tax_behavior=params.choice("tax_behavior", ("exclusive", "inclusive", "unspecified")) or "unspecified",
            unit_amount=amount,
            unit_amount_decimal=str(amount),
        )
    )


def _recurring(params: Params) -> Json | None:
    if not params.has("recurring"):
        return None
    branch = params.child("recurring")
    interval = branch.choice("interval", ("day", "week", "month", "year"))
    if interval is None:
        raise errors.missing(branch.name("interval"))
    count = branch.integer("interval_count", minimum=1) or 1
    fixed = {"meter": None, "trial_period_days": None, "usage_type": "licensed"}
    return {"interval": interval, "interval_count": count} | fixed


def _unit_amount(params: Params) -> int:
    key = "unit_amount_decimal" if params.has("unit_amount_decimal") else "unit_amount"
    amount = params.integer(key, minimum=0, maximum=MAX_UNIT_AMOUNT)
    if amount is None:
        raise errors.missing(params.name(key))
    return amount
