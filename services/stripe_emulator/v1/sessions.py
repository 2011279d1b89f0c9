"""`/v1/checkout/sessions` and `/v1/payment_pages`: what may be asked of them; their life is checkout.py's."""

import heapq

from stripe_emulator.calls import calls
from stripe_emulator.calls.calls import Call
from stripe_emulator.calls.params import Params
from stripe_emulator.payments import checkout
from stripe_emulator.reference import errors, money
from stripe_emulator.reference.cards import DEFAULT_KINDS, DELAYED_KINDS, INSTANT_KINDS
from stripe_emulator.reference.errors import Json
from stripe_emulator.state.account import Account
from stripe_emulator.state.objects import listing, make
from stripe_emulator.state.store import Order
from stripe_emulator.v1 import catalog, payment_methods

MIN_LIFE, MAX_LIFE = 30 * 60, 24 * 3600
MAX_LINE_ITEMS = 100
MAX_REFERENCE = 200
# Kept and answered as given, because nothing here depends on them.
ECHOED = ("billing_address_collection", "locale", "submit_type", "customer_email", "integration_identifier")
INTENT_TEXTS = ("description", "receipt_email", "statement_descriptor", "statement_descriptor_suffix")


def create(account: Account, call: Call) -> Json:
    """A session that waits on its pay page."""
    params = call.params
    _check_kind(params)
    order = Order(items=_line_items(account, params), intent=_intent_fields(params.child("payment_intent_data")))
    total, currency = sum(item["amount_total"] for item in order.items), order.items[0]["currency"]
    if total:
        money.check_chargeable(total, currency, "line_items")
    session = make(
        "checkout.session",
        amount_subtotal=total,
        amount_total=total,
        cancel_url=params.url("cancel_url"),
        client_reference_id=params.text("client_reference_id", max_length=MAX_REFERENCE),
        created=account.now(),
        currency=currency,
        customer=_customer(account, params),
        expires_at=_expires_at(params, account.now()),
        metadata=params.metadata(),
        payment_method_options=params.raw("payment_method_options") or {},
        payment_method_types=_method_types(params),
        payment_status="unpaid" if total else "no_payment_required",
        success_url=params.url("success_url"),
        **{name: params.text(name) for name in ECHOED},
    )
    if session["success_url"] is None:
        raise errors.missing("success_url")
    params.finish()
    session["url"] = f"{account.settings.public_url}/c/pay/{session['id']}"
    account.store.orders[session["id"]] = order
    heapq.heappush(account.store.expiries, (session["expires_at"], session["id"]))
    return account.store.add(session)


def retrieve(account: Account, call: Call) -> Json:
    """A session by its id."""
    return account.store.get("checkout.session", call.id)


def update(account: Account, call: Call) -> Json:
    """Metadata is all that changes afterwards."""
    session = retrieve(account, call)
    metadata = call.params.merged_metadata(session["metadata"])
    call.params.finish()
    session["metadata"] = metadata
    return session


def list_all(account: Account, call: Call) -> Json:
    """Sessions, by what they belong to."""
    params = call.params
    return calls.page(
        account,
        call,
        "checkout.session",
        customer=params.text("customer"),
        payment_intent=params.text("payment_intent"),
        status=params.choice("status", ("open", "complete", "expired")),
    )


def line_items(account: Account, call: Call) -> Json:
    """What is being bought."""
    retrieve(account, call)
    return calls.cut(call, account.store.orders[call.id].items)


def expire(account: Account, call: Call) -> Json:
    """Close an open session."""
    session = retrieve(account, call)
    call.params.finish()
    checkout.expire(account, session)
    return session


def page(account: Account, call: Call) -> Json:
    """The session as the hosted page knows it; unpublished, but the official command line asks for it."""
    session = retrieve(account, call)
    shown = ("currency", "mode", "payment_intent", "payment_status", "status", "success_url", "cancel_url")
    return {"id": session["id"], "object": "payment_page", "session_id": session["id"]} | {
        "amount": session["amount_total"], "livemode": False, **{name: session[name] for name in shown},
        "line_items": listing(f"/v1/checkout/sessions/{session['id']}/line_items", account.store.orders[call.id].items),
    }  # fmt: skip


def confirm(account: Account, call: Call) -> Json:
    """Pay the session from a program, as its page would."""
    session, params = retrieve(account, call), call.params
    expected = params.integer("expected_amount")
    params.text("expected_payment_method_type")
    method_id = params.required("payment_method")
    params.finish()
    if expected not in (None, session["amount_total"]):
        raise errors.unexpected_state("The amount is not what you expected.", "checkout_amount_mismatch")
    method = payment_methods.resolve(account, method_id, "payment_method")
    decline = checkout.pay(account, session, method)
    if decline:
        raise payment_methods.declined(account, session["payment_intent"])
    return page(account, call)


def _check_kind(params: Params) -> None:
    if params.required("mode") != "payment":
        params.choice("mode", ("payment", "subscription", "setup"))
        raise errors.invalid("This emulator models `payment` mode only.", "mode")
    if params.text("ui_mode") not in (None, "hosted", "hosted_page"):
        raise errors.invalid("This emulator models the hosted page only.", "ui_mode")
    for feature in ("automatic_tax", "phone_number_collection", "adaptive_pricing", "invoice_creation"):
        branch = params.child(feature)
        if branch.flag("enabled"):
            raise errors.invalid("This emulator does not model this feature.", branch.name("enabled"))


def _line_items(account: Account, params: Params) -> list[Json]:
    rows = params.children("line_items")
    if not rows:
        raise errors.missing("line_items")
    if len(rows) > MAX_LINE_ITEMS:
        raise errors.invalid(f"Exceeded maximum of {MAX_LINE_ITEMS} line items.", "line_items")
    items = [_line_item(account, row) for row in rows]
    if len({item["currency"] for item in items}) > 1:
        raise errors.invalid("All line items of a Checkout Session must have the same currency.", "line_items")
    return items


def _line_item(account: Account, row: Params) -> Json:
    if row.has("price") == row.has("price_data"):
        raise errors.invalid(
            f"You must give either `price` or `price_data` for {row.name('price')[: -len('[price]')]}.",
            row.name("price"),
        )
    price = catalog.line_price(account, row)
    quantity = row.integer("quantity", minimum=1)
    if quantity is None:
        raise errors.missing(row.name("quantity"))
    product = account.store.get("product", price["product"])
    amount = price["unit_amount"] * quantity
    return make(
        "item",
        amount_subtotal=amount,
        amount_total=amount,
        currency=price["currency"],
        description=product["name"],
        price=price,
        quantity=quantity,
    )


def _intent_fields(data: Params) -> Json:
    fields: Json = {name: data.text(name) for name in INTENT_TEXTS}
    fields["metadata"] = data.metadata()
    fields["shipping"] = data.raw("shipping")
    fields["setup_future_usage"] = data.choice("setup_future_usage", ("off_session", "on_session"))
    data.choice("capture_method", ("automatic", "automatic_async"))
    return fields


def _customer(account: Account, params: Params) -> str | None:
    customer = params.text("customer")
    if customer and params.has("customer_email"):
        raise errors.invalid(
            "You may only specify one of these parameters: customer, customer_email.", "customer_email"
        )
    if customer:
        account.store.get("customer", customer, "customer")
    return customer


def _expires_at(params: Params, now: int) -> int:
    at = params.integer("expires_at")
    if at is None:
        return now + MAX_LIFE
    if at < now + MIN_LIFE:
        raise errors.invalid(
            "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation.", "expires_at"
        )
    if at > now + MAX_LIFE:
        raise errors.invalid(
            "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation.", "expires_at"
        )
    return at


def _method_types(params: Params) -> list[str]:
    kinds = params.texts("payment_method_types")
    for place, kind in enumerate(kinds):
        if kind not in INSTANT_KINDS + DELAYED_KINDS:
            raise errors.invalid(
                f"Invalid payment_method_types[{place}]: must be one of {', '.join(INSTANT_KINDS + DELAYED_KINDS)}",
                f"payment_method_types[{place}]",
            )
    return kinds or list(DEFAULT_KINDS)
