"""Checkout Sessions in Stripe's terms: the parameters that create one, and the session that Stripe returns."""

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

import stripe

from lea_payments.payment.record import Payment, attempt_at

if TYPE_CHECKING:
    from stripe.params.checkout import SessionCreateParams

LINK_LIFE = timedelta(hours=23)
"""An hour less than Stripe's limit, so that clocks may differ."""

ATTEMPT_LIFE = timedelta(hours=22)
"""How long an attempt may be repeated: Stripe wants a session to live 30 minutes, and remembers a key for 24 hours."""

Locale = Literal[
    "auto", "bg", "cs", "da", "de", "el", "en", "en-GB", "es", "es-419", "et", "fi", "fil", "fr", "fr-CA", "hi-IN",
    "hr", "hu", "id", "it", "ja", "ko", "lt", "lv", "ms", "mt", "nb", "nl", "pl", "pt", "pt-BR", "ro", "ru", "sk",
    "sl", "sv", "th", "tr", "vi", "zh", "zh-HK", "zh-TW",
]  # fmt: skip
"""The languages of Stripe's pay page."""


@dataclass(frozen=True, slots=True)
class CheckoutSession:
    """A page of Stripe's where one payment can be paid; `url` only while it is open, `expires_at` since 1970."""

    id: str
    status: str
    url: str | None
    expires_at: int


def params_of(record: Payment, pages_base_url: str) -> "SessionCreateParams":
    """What Stripe is asked for: a function of the record alone, since one key may not carry two different requests."""
    pages = pages_base_url.rstrip("/")
    metadata = {"payment_intent_id": record.payment_intent_id}
    if record.traceparent:
        metadata["traceparent"] = record.traceparent
    params: SessionCreateParams = {
        "mode": "payment",
        "client_reference_id": record.payment_intent_id,
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": (record.currency or "").lower(),
                    "unit_amount": record.amount or 0,
                    "product_data": {"name": record.product_name or ""},
                },
            }
        ],
        "metadata": metadata,
        "payment_intent_data": {"metadata": metadata},
        "success_url": f"{pages}/success?session_id={{CHECKOUT_SESSION_ID}}",
        "cancel_url": f"{pages}/cancel",
        "expires_at": int((attempt_at(record) + LINK_LIFE).timestamp()),
    }
    if record.checkout_locale:
        params["locale"] = record.checkout_locale
    return params


def idempotency_key(record: Payment) -> str:
    """Stripe's key for the record's current attempt."""
    return f"checkout-{record.payment_intent_id}-{record.checkout_attempt}"


def session_of(found: stripe.checkout.Session) -> CheckoutSession:
    """Stripe's session as we use it."""
    return CheckoutSession(found.id, found.status or "", found.url, found.expires_at)
