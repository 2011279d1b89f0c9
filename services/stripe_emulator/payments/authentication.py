"""Asks the customer to authenticate a payment with 3-D Secure, and ends the authentication."""

import copy
from dataclasses import dataclass

from stripe_emulator.payments import charges, subscriptions
from stripe_emulator.payments.details import payment_error
from stripe_emulator.reference import errors
from stripe_emulator.reference.cards import AUTHENTICATION_REQUIRED, Decline
from stripe_emulator.reference.shapes import Json
from stripe_emulator.state.account import Account

PAGE = "/c/authenticate"
MESSAGE = "We are unable to authenticate your payment method. Please choose a different payment method and try again."


@dataclass(frozen=True)
class Confirmation:
    """How a PaymentIntent or SetupIntent is confirmed."""

    return_url: str | None = None
    off_session: bool = False
    error_on_requires_action: bool = False


def attempt(account: Account, intent: Json, method: Json, how: Confirmation) -> Decline | None:
    """Charge or save the payment method, unless the customer must authenticate first. Return the reason of a decline.

    If the customer must authenticate, the status is `requires_action` afterwards.
    """
    card = account.store.instruments[method["id"]]
    if card.authentication is None or (how.off_session and _is_set_up(account, method)):
        return _execute(account, intent, method, None)
    if card.authentication == "frictionless":
        return _execute(account, intent, method, "frictionless")
    if how.off_session or how.error_on_requires_action:
        return _refuse(account, intent, method, AUTHENTICATION_REQUIRED)
    intent |= {"status": "requires_action", "payment_method": method["id"], f"last_{_word(intent)}_error": None}
    intent["next_action"] = _next_action(account, intent, how.return_url)
    if intent["object"] == "payment_intent":
        account.emit("payment_intent.requires_action", intent)
    else:
        account.emit("setup_intent.requires_action", intent)
    return None


def end(account: Account, intent: Json, result: str) -> Decline | None:
    """End the authentication that an intent waits for: `succeeded` or `failed`. Return the reason of a decline."""
    if intent["status"] != "requires_action":
        raise errors.unexpected_state(
            f"Nothing waits for an authentication: {intent['id']} has a status of {intent['status']}.",
            f"{intent['object']}_unexpected_state",
            {intent["object"]: intent},
        )
    method = account.store.get("payment_method", intent["payment_method"])
    if result == "succeeded":
        return _execute(account, intent, method, "challenge")
    return _refuse(account, intent, method, Decline(f"{intent['object']}_authentication_failure", None, MESSAGE))


def _execute(account: Account, intent: Json, method: Json, flow: str | None) -> Decline | None:
    if intent["object"] == "payment_intent":
        decline = charges.attempt(account, intent, method, flow)
        is_saved = intent["setup_future_usage"] == "off_session"
    else:
        decline, is_saved = subscriptions.set_up(account, intent, method), True
    if decline is None and is_saved:
        account.store.set_up.add(method["id"])
    return decline


def _refuse(account: Account, intent: Json, method: Json, decline: Decline) -> Decline:
    if intent["object"] == "payment_intent":
        charges.refuse(account, intent, method, decline)
    else:
        subscriptions.refuse(account, intent, payment_error(decline, copy.deepcopy(method), None))
    return decline


def _is_set_up(account: Account, method: Json) -> bool:
    """Return whether payments without the customer succeed with this payment method."""
    kind = account.store.instruments[method["id"]].authentication
    return kind == "already_set_up" or (kind == "unless_set_up" and method["id"] in account.store.set_up)


def _next_action(account: Account, intent: Json, return_url: str | None) -> Json:
    url = f"{account.settings.public_url}{PAGE}/{intent['id']}"
    if return_url:
        return {"type": "redirect_to_url", "redirect_to_url": {"return_url": return_url, "url": url}}
    # Without a return URL, Stripe leaves the authentication to its own packages.
    return {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect", "stripe_js": url}}


def _word(intent: Json) -> str:
    return str(intent["object"]).removesuffix("_intent")
