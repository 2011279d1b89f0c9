"""Recovers expired checkout sessions."""

import copy

from stripe_emulator.payments import checkout
from stripe_emulator.reference.shapes import Json
from stripe_emulator.state.account import Account
from stripe_emulator.state.objects import make, new_id
from stripe_emulator.state.store import Order

LIFETIME = 24 * 3600
# Fields that a recovered session does not take from the expired one.
FRESH = ("id", "created", "customer_details", "expires_at", "payment_intent", "setup_intent", "status", "url")


def recover(account: Account, token: str) -> Json | None:
    """Create a new session from the expired one, or return None if the recovery URL does not exist or is too old."""
    old_id = account.store.recoveries.get(token)
    if old_id is None:
        return None
    old = account.store.get("checkout.session", old_id)
    if old["after_expiration"]["recovery"]["expires_at"] <= account.now():
        return None
    copied = {name: value for name, value in copy.deepcopy(old).items() if name not in FRESH}
    session = make(
        "checkout.session",
        **copied | {"recovered_from": old_id, "created": account.now(), "expires_at": account.now() + LIFETIME},
    )
    session["after_expiration"]["recovery"] |= {"expires_at": None, "url": None}
    order = account.store.orders[old_id]
    items = [copy.deepcopy(item) | {"id": new_id("li")} for item in order.items]
    return checkout.open_session(account, session, Order(items=items, intent=copy.deepcopy(order.intent)))
