"""Builds the parameters that create a Checkout Session and reads the session that Stripe returns."""

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

import stripe

from lea_payments.payment.record import Payment, attempt_at

if TYPE_CHECKING:
    from stripe.params.checkout import SessionCreateParams

LINK_LIFE = timedelta(hours=23)
"""How long a link stays valid: one hour less than Stripe's limit of 24 hours, to allow for clock skew."""

ATTEMPT_LIFE = timedelta(hours=22)
"""How long an attempt can be retried: Stripe requires 30 minutes to expiry and keeps idempotency keys for 24 hours."""

Locale = Literal[
    "auto", "bg", "cs", "da", "de", "el", "en", "en-GB", "es", "es-419", "et", "fi", "fil", "fr", "fr-CA", "hi-IN",
    "hr", "hu", "id", "it", "ja", "ko", "lt", "lv", "ms", "mt", "nb", "nl", "pl", "pt", "pt-BR", "ro", "ru", "sk",
    "sl", "sv", "th", "tr", "vi", "zh", "zh-HK", "zh-TW",
]  # fmt: skip
"""The languages that Stripe's pay page supports (docs.stripe.com/api/checkout/sessions/create, `locale`)."""


@dataclass(frozen=True, slots=True)
class CheckoutSession:
    """A Checkout Session. `url` is set only while it is open; `expires_at` is in seconds since 1970."""

    id: str
    status: str
    url: str | None
    expires_at: int


def params_of(record: Payment, pages_base_url: str) -> "SessionCreateParams":
    """The parameters that create the session of the record's current attempt.

    They depend on the record alone: Stripe rejects an idempotency key that is sent with different parameters.
    """
    pages = pages_base_url.rstrip("/")
    metadata = {"payment_intent_id": record.payment_intent_id, "attempt": str(record.checkout_attempt)}
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
    """The idempotency key of the record's current attempt."""
    return f"checkout-{record.payment_intent_id}-{record.checkout_attempt}"


def session_of(stripe_session: stripe.checkout.Session) -> CheckoutSession:
    """Converts the session that Stripe's client returns."""
    return CheckoutSession(
        stripe_session.id, stripe_session.status or "", stripe_session.url, stripe_session.expires_at
    )
