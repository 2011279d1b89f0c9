"""Pays, settles and expires checkout sessions."""

import heapq

from stripe_emulator.payments import charges, disputes
from stripe_emulator.reference import errors
from stripe_emulator.reference.cards import Decline
from stripe_emulator.reference.shapes import ADDRESS, Json
from stripe_emulator.state.account import Account

PLACEHOLDER = "{CHECKOUT_SESSION_ID}"


def success_url(session: Json) -> str:
    """Return the success URL with the session's id in place of the placeholder."""
    url: str = session["success_url"]
    return url.replace(PLACEHOLDER, session["id"])


def pay(account: Account, session: Json, method: Json) -> Decline | None:
    """Pay the session with this payment method. After a decline it stays open for another attempt."""
    require_open(session)
    if method["type"] not in session["payment_method_types"]:
        raise errors.invalid(
            f"This Checkout Session does not accept {method['type']}, only"
            f" {', '.join(session['payment_method_types'])}.",
            "payment_method",
        )
    intent = _intent(account, session)
    session["payment_intent"] = intent["id"]
    decline = charges.attempt(account, intent, method)
    if decline:
        return decline
    _complete(account, session, method["billing_details"], paid=intent["status"] == "succeeded")
    disputes.open_if_test_card(account, intent)
    return None


def complete_free(account: Account, session: Json, billing: Json) -> None:
    """Complete a session with a total of zero, without a payment method."""
    require_open(session)
    _complete(account, session, billing, paid=False)


def settle(account: Account, intent: Json, result: str) -> None:
    """End a delayed payment, and update its session if it has one."""
    charges.settle(account, intent, result)
    session_id = account.store.session_of.get(intent["id"])
    if session_id is None:
        return
    session = account.store.get("checkout.session", session_id)
    if result == "succeeded":
        session["payment_status"] = "paid"
    account.emit(f"checkout.session.async_payment_{result}", session)


def expire(account: Account, session: Json) -> None:
    """Expire an open session."""
    if session["status"] != "open":
        raise errors.invalid(
            'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status'
            f" of {session['status']}.",
            "session",
        )
    session |= {"status": "expired", "url": None}
    if session["payment_intent"]:
        charges.cancel(account, account.store.get("payment_intent", session["payment_intent"]), "automatic")
    account.emit("checkout.session.expired", session)


def run_due(account: Account) -> None:
    """Settle the delayed payments and expire the sessions that are due."""
    now = account.now()
    for intent_id, scheduled in list(account.store.settlements.items()):
        if scheduled.at <= now:
            settle(account, account.store.get("payment_intent", intent_id), scheduled.settlement.result)
    while account.store.expiries and account.store.expiries[0][0] <= now:
        session = account.store.get("checkout.session", heapq.heappop(account.store.expiries)[1])
        if session["status"] == "open":
            expire(account, session)


def require_open(session: Json) -> None:
    """Raise a StripeApiError unless the session is open."""
    if session["status"] != "open":
        raise errors.unexpected_state(
            f"This Checkout Session is {session['status']} and can no longer be paid.",
            "checkout_session_not_open",
        )


def _intent(account: Account, session: Json) -> Json:
    if session["payment_intent"]:
        return account.store.get("payment_intent", session["payment_intent"])
    intent = charges.new_intent(
        account,
        session["amount_total"],
        session["currency"],
        customer=session["customer"],
        payment_method_types=list(session["payment_method_types"]),
        **account.store.orders[session["id"]].intent,
    )
    account.store.session_of[intent["id"]] = session["id"]
    return intent


def _complete(account: Account, session: Json, billing: Json, *, paid: bool) -> None:
    session |= {"status": "complete", "url": None}
    if session["amount_total"]:
        session["payment_status"] = "paid" if paid else "unpaid"
    details = {name: billing.get(name) for name in ("email", "name", "phone")}
    details |= {"address": billing.get("address") or dict(ADDRESS), "tax_exempt": "none", "tax_ids": []}
    details["email"] = details["email"] or session["customer_email"]
    session["customer_details"] = details | {"business_name": None, "individual_name": None}
    account.store.orders[session["id"]].completed_event = account.emit("checkout.session.completed", session)["id"]
