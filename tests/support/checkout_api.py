"""Calls a running checkout API; has the secrets that the service and the emulator share."""

from typing import Any
from uuid import uuid4

import httpx

from tests.support import plain_http
from tests.support.secrets import signing_secret

TOKEN, NEXT_TOKEN = "token-of-this-day", "token-of-tomorrow"
STRIPE_KEY = "sk_test_OfTheCheckoutTests"
WEBHOOK_SECRET = signing_secret("checkout")
SECRETS = {"STRIPE_SECRET_KEY": STRIPE_KEY, "PAYMENTS_API_TOKEN": f"{TOKEN},{NEXT_TOKEN}"}


def payment_body(**fields: Any) -> dict[str, Any]:
    """The body of a new payment with unique ids; None removes a field."""
    body = {
        "payment_intent_id": f"payment_{uuid4().hex}",
        "user_id": "user_1",
        "quote_id": f"quote_{uuid4().hex}",
        "amount": 12000,
        "currency": "sgd",
        "product_name": "Travel insurance",
    }
    return {name: value for name, value in (body | fields).items() if value is not None}


def checkout_client(url: str, token: str = TOKEN) -> httpx.Client:
    """A client of the API with this token."""
    return plain_http.client(url, headers={"Authorization": f"Bearer {token}"})


def sessions_of(stripe: httpx.Client, payment_id: str) -> list[dict[str, Any]]:
    """The Checkout Sessions of a payment, newest first."""
    sessions = stripe.get("/v1/checkout/sessions", params={"limit": 100}).json()["data"]
    return [session for session in sessions if session["client_reference_id"] == payment_id]
