"""Calls to a running checkout API, to the emulator behind it, and what both need in their environment."""

from typing import Any
from uuid import uuid4

import httpx

TOKEN, NEXT_TOKEN = "token-of-today", "token-of-tomorrow"
STRIPE_KEY = "sk_test_checkout"
WEBHOOK_SECRET = "whsec_checkout"
SECRETS = {"STRIPE_SECRET_KEY": STRIPE_KEY, "PAYMENTS_API_TOKEN": f"{TOKEN},{NEXT_TOKEN}"}


def asked(**other: Any) -> dict[str, Any]:
    """The body for a new payment, with an id that no other test has; None leaves a field out."""
    body = {
        "payment_intent_id": f"payment_{uuid4().hex}",
        "user_id": "user_1",
        "quote_id": f"quote_{uuid4().hex}",
        "amount": 12000,
        "currency": "sgd",
        "product_name": "Travel insurance",
    }
    return {name: value for name, value in (body | other).items() if value is not None}


def checkout_api(url: str, token: str = TOKEN) -> httpx.Client:
    """A caller of the API who holds this token."""
    return httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=30, trust_env=False)


def sessions_of(stripe: httpx.Client, payment_id: str) -> list[dict[str, Any]]:
    """All of Stripe's Checkout Sessions for a payment."""
    found = stripe.get("/v1/checkout/sessions", params={"limit": 100}).json()["data"]
    return [session for session in found if session["client_reference_id"] == payment_id]
