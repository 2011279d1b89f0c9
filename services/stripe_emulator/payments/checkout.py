"""Opens, pays, settles and expires checkout sessions."""

import heapq

from stripe_emulator.payments import authentication, charges, disputes, early_fraud_warnings, methods, subscriptions
from stripe_emulator.payments.authentication import Confirmation
from stripe_emulator.reference import errors
from stripe_emulator.reference.cards import Decline
from stripe_emulator.reference.errors import StripeApiError
from stripe_emulator.reference.shapes import ADDRESS, Json
from stripe_emulator.state.account import Account
from stripe_emulator.state.objects import new_id
from stripe_emulator.state.store import Order

PLACEHOLDER = "{CHECKOUT_SESSION_ID}"
RECOVERY_SECONDS = 30 * 24 * 3600


def success_url(session: Json) -> str:
    """Return the success URL with the session's id in place of the placeholder."""
    return with_session_id(session["success_url"], session)


def cancel_url(session: Json) -> str | None:
    """Return the cancel URL, if there is one, with the session's id in place of the placeholder."""
    url = session["cancel_url"]
    return with_session_id(url, session) if url else None


def with_session_id(url: str, session: Json) -> str:
    """Return the URL with the session's id in place of the placeholder."""
    return url.replace(PLACEHOLDER, session["id"])


def open_session(account: Account, session: Json, order: Order) -> Json:
    """Store a new session, give it a page, and create its SetupIntent in setup mode."""
    session["url"] = f"{account.settings.public_url}/c/pay/{session['id']}"
    account.store.orders[session["id"]] = order
    heapq.heappush(account.store.expiries, (session["expires_at"], session["id"]))
    if session["mode"] == "setup":
        session["setup_intent"] = subscriptions.new_setup_intent(account, session, order.intent)["id"]
        account.store.session_of[session["setup_intent"]] = session["id"]
    return account.store.add(session)


def needs_method(session: Json) -> bool:
    """Return whether the customer must enter a payment method: to pay an amount, or to save the method."""
    return session["mode"] == "setup" or bool(session["amount_total"])


def pay(account: Account, session: Json, method: Json) -> Decline | None:
    """Pay the session with this payment method. After a decline it stays open for another attempt.

    It also stays open while the customer must authenticate; `authenticate` completes it.
    """
    require_open(session)
    if method["type"] not in session["payment_method_types"]:
        raise errors.invalid(
            f"This Checkout Session does not accept {method['type']}, only"
            f" {', '.join(session['payment_method_types'])}.",
            "payment_method",
        )
    intent = intent_of(account, session) or _new_intent(account, session)
    decline = authentication.attempt(account, intent, method, Confirmation(return_url=session["url"]))
    if decline is None:
        _finish(account, session, intent, method)
    return decline


def authenticate(account: Account, intent: Json, result: str) -> Decline | None:
    """End an authentication, and complete the session if there is one. Return the reason of a decline."""
    method_id = intent["payment_method"]
    decline = authentication.end(account, intent, result)
    if decline:
        return decline
    session_id = account.store.session_of.get(intent["id"])
    if session_id is None:
        disputes.open_if_test_card(account, intent)
        early_fraud_warnings.create_if_test_card(account, intent)
    else:
        session = account.store.get("checkout.session", session_id)
        _finish(account, session, intent, account.store.get("payment_method", method_id))
    return None


def intent_of(account: Account, session: Json) -> Json | None:
    """Return the PaymentIntent or SetupIntent of a session, if it has one yet."""
    if session["setup_intent"]:
        return account.store.get("setup_intent", session["setup_intent"])
    intent_id = account.store.orders[session["id"]].payment_intent
    return account.store.get("payment_intent", intent_id) if intent_id else None


def last_decline(account: Account, session: Json) -> StripeApiError:
    """Return the error that reports the last decline of a session."""
    intent_id = session["setup_intent"] or account.store.orders[session["id"]].payment_intent or "none"
    return methods.declined(account, intent_id)


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
    intent_id = account.store.orders[session["id"]].payment_intent
    if intent_id:
        charges.cancel(account, account.store.get("payment_intent", intent_id), "automatic")
    if session["setup_intent"]:
        subscriptions.cancel_setup(account, account.store.get("setup_intent", session["setup_intent"]))
    _offer_recovery(account, session)
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


def _new_intent(account: Account, session: Json) -> Json:
    """Create the PaymentIntent of a session. Only in payment mode does the session name it."""
    order, is_payment = account.store.orders[session["id"]], session["mode"] == "payment"
    intent = charges.new_intent(
        account,
        session["amount_total"],
        session["currency"],
        customer=session["customer"],
        payment_method_types=list(session["payment_method_types"]),
        **order.intent if is_payment else {},
    )
    order.payment_intent = intent["id"]
    session["payment_intent"] = intent["id"] if is_payment else None
    account.store.session_of[intent["id"]] = session["id"]
    return intent


def _finish(account: Account, session: Json, intent: Json, method: Json) -> None:
    """Complete the session, unless its intent waits for the customer."""
    if intent["status"] == "requires_action":
        return
    if intent["object"] == "setup_intent":
        _complete(account, session, method["billing_details"], paid=False)
        return
    _complete(account, session, method["billing_details"], paid=intent["status"] == "succeeded", method_id=method["id"])
    disputes.open_if_test_card(account, intent)
    early_fraud_warnings.create_if_test_card(account, intent)


def _complete(account: Account, session: Json, billing: Json, *, paid: bool, method_id: str | None = None) -> None:
    session |= {"status": "complete", "url": None}
    if session["amount_total"]:
        session["payment_status"] = "paid" if paid else "unpaid"
    details = {name: billing.get(name) for name in ("email", "name", "phone")}
    details |= {"address": billing.get("address") or dict(ADDRESS), "tax_exempt": "none", "tax_ids": []}
    details["email"] = details["email"] or session["customer_email"]
    session["customer_details"] = details | {"business_name": None, "individual_name": None}
    if session["mode"] == "subscription":
        subscription = subscriptions.create(account, session, method_id)
        session |= {"subscription": subscription["id"], "invoice": subscription["latest_invoice"]}
    account.store.orders[session["id"]].completed_event = account.emit("checkout.session.completed", session)["id"]


def _offer_recovery(account: Account, session: Json) -> None:
    recovery = (session["after_expiration"] or {}).get("recovery") or {}
    if recovery.get("enabled"):
        token = new_id("test")
        account.store.recoveries[token] = session["id"]
        url = f"{account.settings.public_url}/r/{token}"
        recovery |= {"expires_at": account.now() + RECOVERY_SECONDS, "url": url}
