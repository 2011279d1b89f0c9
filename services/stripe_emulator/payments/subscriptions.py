"""Creates the SetupIntents and the subscriptions of checkout sessions."""

import copy

from stripe_emulator.payments.details import payment_error
from stripe_emulator.reference.cards import Decline
from stripe_emulator.reference.shapes import Json
from stripe_emulator.state.account import Account
from stripe_emulator.state.objects import listing, make, new_id

DAY = 24 * 3600
# A month has 30 days here, because nothing is billed again.
INTERVAL_SECONDS = {"day": DAY, "week": 7 * DAY, "month": 30 * DAY, "year": 365 * DAY}


def new_setup_intent(account: Account, session: Json, fields: Json) -> Json:
    """Create the SetupIntent of a session."""
    intent = make(
        "setup_intent",
        created=account.now(),
        customer=session["customer"],
        payment_method_types=list(session["payment_method_types"]),
        **fields,
    )
    intent["client_secret"] = f"{intent['id']}_secret_emulator"
    account.emit("setup_intent.created", account.store.add(intent))
    return intent


def set_up(account: Account, intent: Json, method: Json) -> Decline | None:
    """Save the payment method for later. Return the reason if it is declined."""
    decline = account.store.instruments[method["id"]].decline
    if decline:
        refuse(account, intent, payment_error(decline, copy.deepcopy(method), None))
        return decline
    intent |= {"status": "succeeded", "payment_method": method["id"], "last_setup_error": None, "next_action": None}
    method["customer"] = intent["customer"]
    account.emit("setup_intent.succeeded", intent)
    return None


def refuse(account: Account, intent: Json, error: Json) -> None:
    """Report that a payment method could not be saved. The customer can try another one."""
    intent |= {"status": "requires_payment_method", "payment_method": None, "last_setup_error": error}
    intent["next_action"] = None
    account.emit("setup_intent.setup_failed", intent)


def cancel_setup(account: Account, intent: Json) -> None:
    """Cancel the SetupIntent of a session that has expired."""
    intent |= {"status": "canceled", "cancellation_reason": "abandoned", "next_action": None}
    account.emit("setup_intent.canceled", intent)


def create(account: Account, session: Json, method_id: str | None) -> Json:
    """Start the subscription of a session, for a new customer unless the session has one."""
    if session["customer"] is None:
        session["customer"] = _new_customer(account, session)["id"]
    order, now = account.store.orders[session["id"]], account.now()
    trial_days = order.intent.get("trial_period_days")
    subscription = make(
        "subscription",
        billing_cycle_anchor=now,
        created=now,
        currency=session["currency"],
        customer=session["customer"],
        default_payment_method=method_id,
        description=order.intent["description"],
        latest_invoice=new_id("in"),
        metadata=dict(order.intent["metadata"]),
        start_date=now,
    )
    if trial_days:
        subscription |= {"status": "trialing", "trial_start": now, "trial_end": now + trial_days * DAY}
    items = [_item(account, subscription, item) for item in order.items if item["price"]["recurring"]]
    subscription["items"] = listing(f"/v1/subscription_items?subscription={subscription['id']}", items)
    account.emit("customer.subscription.created", account.store.add(subscription))
    return subscription


def _item(account: Account, subscription: Json, item: Json) -> Json:
    recurring = item["price"]["recurring"]
    period = INTERVAL_SECONDS[recurring["interval"]] * recurring["interval_count"]
    return account.store.add(
        make(
            "subscription_item",
            created=account.now(),
            current_period_start=account.now(),
            current_period_end=account.now() + period,
            price=copy.deepcopy(item["price"]),
            quantity=item["quantity"],
            subscription=subscription["id"],
        )
    )


def _new_customer(account: Account, session: Json) -> Json:
    details = session["customer_details"] or {}
    customer = make("customer", created=account.now(), email=details.get("email"), name=details.get("name"))
    account.emit("customer.created", account.store.add(customer))
    return customer
