"""Serves `/v1/checkout/sessions`."""

import heapq
from typing import Annotated, Any, Literal

from pydantic import Field

from stripe_emulator.calls import lists
from stripe_emulator.calls.call import ApiCall
from stripe_emulator.calls.lists import ListParameters, PageParameters
from stripe_emulator.calls.parameters import (
    Flag,
    Integer,
    MetadataParameters,
    NoParameters,
    Parameters,
    Text,
    Url,
    form_list,
)
from stripe_emulator.payments import checkout
from stripe_emulator.reference import errors, money
from stripe_emulator.reference.cards import DEFAULT_KINDS, DelayedKind, InstantKind
from stripe_emulator.reference.shapes import Json
from stripe_emulator.state.account import Account
from stripe_emulator.state.objects import make
from stripe_emulator.state.store import Order
from stripe_emulator.v1 import catalog
from stripe_emulator.v1.catalog import CreatePrice

MIN_LIFETIME, MAX_LIFETIME = 30 * 60, 24 * 3600
MAX_LINE_ITEMS = 100
MAX_REFERENCE = 200
# Returned as given, because nothing here depends on them.
ECHOED = ("billing_address_collection", "locale", "submit_type", "customer_email", "integration_identifier")
UNSUPPORTED = ("automatic_tax", "phone_number_collection", "adaptive_pricing", "invoice_creation")


class LineItem(Parameters):
    """One row of `line_items`."""

    price: Text | None = None
    price_data: CreatePrice | None = None
    quantity: Annotated[Integer, Field(ge=1)]


class IntentFields(MetadataParameters):
    """The branch `payment_intent_data`: fields of the PaymentIntent that the session creates."""

    description: Text | None = None
    receipt_email: Text | None = None
    statement_descriptor: Text | None = None
    statement_descriptor_suffix: Text | None = None
    shipping: Any = None
    setup_future_usage: Literal["off_session", "on_session"] | None = None
    capture_method: Literal["automatic", "automatic_async"] | None = None


class Feature(Parameters):
    """A feature that can be enabled at Stripe."""

    enabled: Flag | None = None


class CreateSession(MetadataParameters):
    """The parameters of a new session."""

    mode: Literal["payment", "subscription", "setup"]
    ui_mode: Text | None = None
    automatic_tax: Feature | None = None
    phone_number_collection: Feature | None = None
    adaptive_pricing: Feature | None = None
    invoice_creation: Feature | None = None
    line_items: Annotated[list[LineItem], form_list(dict)]
    payment_intent_data: IntentFields | None = None
    cancel_url: Url | None = None
    client_reference_id: Annotated[str, Field(max_length=MAX_REFERENCE)] | None = None
    customer: Text | None = None
    expires_at: Integer | None = None
    payment_method_options: Any = None
    payment_method_types: Annotated[list[Literal[InstantKind, DelayedKind]], form_list(str)] | None = None
    success_url: Url
    billing_address_collection: Text | None = None
    locale: Text | None = None
    submit_type: Text | None = None
    customer_email: Text | None = None
    integration_identifier: Text | None = None


class ListSessions(ListParameters):
    """The filters of the list of sessions."""

    customer: Text | None = None
    payment_intent: Text | None = None
    status: Literal["open", "complete", "expired"] | None = None


def create(account: Account, call: ApiCall) -> Json:
    """Create an open session."""
    params = call.read(CreateSession)
    _check_supported(params)
    expires_at, customer = _expires_at(params, account.now()), _customer(account, params)
    items = _line_items(account, params.line_items)
    total, currency = sum(item["amount_total"] for item in items), items[0]["currency"]
    if total:
        money.check_chargeable(total, currency, "line_items")
    session = make(
        "checkout.session",
        amount_subtotal=total,
        amount_total=total,
        cancel_url=params.cancel_url,
        client_reference_id=params.client_reference_id,
        created=account.now(),
        currency=currency,
        customer=customer,
        expires_at=expires_at,
        metadata=params.metadata or {},
        payment_method_options=params.payment_method_options or {},
        payment_method_types=list(params.payment_method_types or DEFAULT_KINDS),
        payment_status="unpaid" if total else "no_payment_required",
        success_url=params.success_url,
        **{name: getattr(params, name) for name in ECHOED},
    )
    session["url"] = f"{account.settings.public_url}/c/pay/{session['id']}"
    account.store.orders[session["id"]] = Order(
        items=items, intent=_intent_fields(params.payment_intent_data or IntentFields())
    )
    heapq.heappush(account.store.expiries, (session["expires_at"], session["id"]))
    return account.store.add(session)


def retrieve(account: Account, call: ApiCall) -> Json:
    """Return a session."""
    call.read(NoParameters)
    return account.store.get("checkout.session", call.id)


def update(account: Account, call: ApiCall) -> Json:
    """Change the metadata of a session."""
    params = call.read(MetadataParameters)
    session = account.store.get("checkout.session", call.id)
    session["metadata"] = params.merged_metadata(session["metadata"])
    return session


def list_all(account: Account, call: ApiCall) -> Json:
    """List sessions."""
    return lists.page(account, call, "checkout.session", ListSessions)


def line_items(account: Account, call: ApiCall) -> Json:
    """List the line items of a session."""
    params = call.read(PageParameters)
    session = account.store.get("checkout.session", call.id)
    return lists.cut(call, params, account.store.orders[session["id"]].items)


def expire(account: Account, call: ApiCall) -> Json:
    """Expire an open session."""
    call.read(NoParameters)
    session = account.store.get("checkout.session", call.id)
    checkout.expire(account, session)
    return session


def _check_supported(params: CreateSession) -> None:
    if params.mode != "payment":
        raise errors.invalid("This emulator supports `payment` mode only.", "mode")
    if params.ui_mode not in (None, "hosted", "hosted_page"):
        raise errors.invalid("This emulator supports the hosted page only.", "ui_mode")
    for feature in UNSUPPORTED:
        if (branch := getattr(params, feature)) and branch.enabled:
            raise errors.invalid("This emulator does not support this feature.", f"{feature}[enabled]")


def _line_items(account: Account, rows: list[LineItem]) -> list[Json]:
    if len(rows) > MAX_LINE_ITEMS:
        raise errors.invalid(f"Exceeded maximum of {MAX_LINE_ITEMS} line items.", "line_items")
    items = [_line_item(account, row, f"line_items[{index}]") for index, row in enumerate(rows)]
    if len({item["currency"] for item in items}) > 1:
        raise errors.invalid("All line items of a Checkout Session must have the same currency.", "line_items")
    return items


def _line_item(account: Account, row: LineItem, branch: str) -> Json:
    price = _price(account, row, branch)
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


def _price(account: Account, row: LineItem, branch: str) -> Json:
    if row.price and not row.price_data:
        price = account.store.get("price", row.price, f"{branch}[price]")
    elif row.price_data and not row.price:
        price = catalog.new_price(account, row.price_data, f"{branch}[price_data]", active=False)
    else:
        raise errors.invalid(f"You must give either `price` or `price_data` for {branch}.", f"{branch}[price]")
    if row.price and not price["active"]:
        raise errors.invalid("The price specified is inactive.", f"{branch}[price]")
    if price["recurring"]:
        raise errors.invalid(
            "You specified `payment` mode but passed a recurring price.", f"{branch}[price]", "resource_invalid"
        )
    return price


def _intent_fields(branch: IntentFields | None) -> Json:
    params = branch or IntentFields()
    return params.model_dump(exclude={"capture_method", "metadata"}) | {"metadata": params.metadata or {}}


def _customer(account: Account, params: CreateSession) -> str | None:
    if params.customer and "customer_email" in params.model_fields_set:
        raise errors.invalid(
            "You may only specify one of these parameters: customer, customer_email.", "customer_email"
        )
    if params.customer:
        account.store.get("customer", params.customer, "customer")
    return params.customer


def _expires_at(params: CreateSession, now: int) -> int:
    at = params.expires_at
    if at is None:
        return now + MAX_LIFETIME
    if at < now + MIN_LIFETIME:
        raise errors.invalid(
            "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation.", "expires_at"
        )
    if at > now + MAX_LIFETIME:
        raise errors.invalid(
            "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation.", "expires_at"
        )
    return at
