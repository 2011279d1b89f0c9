"""Creates the line items of checkout sessions."""

from stripe_emulator.reference import errors
from stripe_emulator.reference.shapes import Json
from stripe_emulator.state.account import Account
from stripe_emulator.state.objects import make
from stripe_emulator.v1 import catalog
from stripe_emulator.v1.checkout.parameters import LineItem

MAX_LINE_ITEMS = 100


def create(account: Account, rows: list[LineItem], mode: str) -> list[Json]:
    """Create the line items, or raise the StripeApiError for the first row that the mode does not allow."""
    if len(rows) > MAX_LINE_ITEMS:
        raise errors.invalid(f"Exceeded maximum of {MAX_LINE_ITEMS} line items.", "line_items")
    items = [_line_item(account, row, f"line_items[{index}]", mode) for index, row in enumerate(rows)]
    if len({item["currency"] for item in items}) > 1:
        raise errors.invalid("All line items of a Checkout Session must have the same currency.", "line_items")
    if mode == "subscription" and not any(item["price"]["recurring"] for item in items):
        raise errors.invalid(
            "You must provide at least one recurring price in `subscription` mode when using prices.", "line_items"
        )
    return items


def _line_item(account: Account, row: LineItem, branch: str, mode: str) -> Json:
    price = _price(account, row, branch, mode)
    amount = price["unit_amount"] * row.quantity
    return make(
        "item",
        amount_subtotal=amount,
        amount_total=amount,
        currency=price["currency"],
        description=account.store.get("product", price["product"])["name"],
        price=price,
        quantity=row.quantity,
    )


def _price(account: Account, row: LineItem, branch: str, mode: str) -> Json:
    if row.price and not row.price_data:
        price = account.store.get("price", row.price, f"{branch}[price]")
    elif row.price_data and not row.price:
        price = catalog.new_price(account, row.price_data, f"{branch}[price_data]", active=False)
    else:
        raise errors.invalid(f"You must give either `price` or `price_data` for {branch}.", f"{branch}[price]")
    if row.price and not price["active"]:
        raise errors.invalid("The price specified is inactive.", f"{branch}[price]")
    if price["recurring"] and mode == "payment":
        raise errors.invalid(
            "You specified `payment` mode but passed a recurring price.", f"{branch}[price]", "resource_invalid"
        )
    return price
