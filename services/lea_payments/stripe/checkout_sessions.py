"""Builds the parameters that create a Checkout Session and reads the session that Stripe returns."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, get_args

from lea_payments.payment.record import Payment, attempt_at
from lea_payments.payment.situations import CanPay
from lea_payments.payment.status import status_of
from lea_payments.stripe.shapes import MAX_SECONDS, whole_number

if TYPE_CHECKING:
    from stripe.params.checkout import SessionCreateParams

LINK_LIFE = timedelta(hours=23)
"""How long a link stays valid: one hour less than Stripe's limit of 24 hours, to allow for clock skew."""

ATTEMPT_LIFE = timedelta(hours=22)
"""How long an attempt can be retried: Stripe requires 30 minutes to expiry and keeps idempotency keys for 24 hours."""

StripeLocale = Literal[
    "auto", "bg", "cs", "da", "de", "el", "en", "en-GB", "es", "es-419", "et", "fi", "fil", "fr", "fr-CA", "hi-IN",
    "hr", "hu", "id", "it", "ja", "ko", "lt", "lv", "ms", "mt", "nb", "nl", "pl", "pt", "pt-BR", "ro", "ru", "sk",
    "sl", "sv", "th", "tr", "vi", "zh", "zh-HK", "zh-TW",
]  # fmt: skip
"""The languages that Stripe's pay page supports (docs.stripe.com/api/checkout/sessions/create, `locale`)."""

OwnLocale = Literal["ta", "zh-SG"]
"""The languages of our pages that Stripe's pay page does not know by these names."""

LOCALES_AT_STRIPE: Mapping[str, StripeLocale] = {
    **{locale: locale for locale in get_args(StripeLocale)},
    "ta": "auto",  # the pay page has no Tamil: the browser's settings name the customer's second language
    "zh-SG": "zh",
}
"""The language of the pay page for each language that a payment can have."""


OPEN = "open"
STATUSES = (OPEN, COMPLETE := "complete", EXPIRED := "expired")
_ID = re.compile("cs_[A-Za-z0-9_]{1,250}")
_URL = re.compile(r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?([/?#][\x21-\x7e]{0,4999})?")
_LOCAL = re.compile(r"http://(localhost|127\.0\.0\.1|\[::1\])([:/?#]|$)")
"""Stripe documents at most 5,000 characters. A host in other letters, or a user before it, is not Stripe's."""


class UnreadableSessionError(Exception):
    """Raised when a response of Stripe is not a Checkout Session that a customer can be sent to."""


@dataclass(frozen=True, slots=True)
class CheckoutSession:
    """A Checkout Session. `url` is empty unless it is open; `expires_at` is in seconds since 1970."""

    id: str
    status: str
    url: str
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
        "cancel_url": f"{pages}/cancel?session_id={{CHECKOUT_SESSION_ID}}",
        "expires_at": int((attempt_at(record) + LINK_LIFE).timestamp()),
    }
    locale = LOCALES_AT_STRIPE.get(record.checkout_locale or "")
    if locale:  # a person can have written anything
        params["locale"] = locale
    return params


def has_open_link(record: Payment, now: datetime) -> bool:
    """Whether the customer can pay with the current session, as far as the record and the time tell."""
    if record.stripe_session_id is None or status_of(record).can_pay is not CanPay.YES:
        return False
    # The session's end is known only if checkout created it, and its event comes later.
    return record.checkout_attempt_at is None or now < attempt_at(record) + LINK_LIFE


def open_link(record: Payment, now: datetime) -> str | None:
    """The link where the record's payment can be paid, or None if there is none, or if it has expired; pure.

    The record is not trusted: without TLS, only a link to this machine, such as the emulator's, is shown to a customer.
    """
    link = record.checkout_link or ""
    if not has_open_link(record, now) or not _URL.fullmatch(link):
        return None
    return link if link.startswith("https:") or _LOCAL.match(link) else None


def idempotency_key(record: Payment) -> str:
    """The idempotency key of the record's current attempt."""
    return f"checkout-{record.payment_intent_id}-{record.checkout_attempt}"


def session_of(response: object, *, http_links: bool) -> CheckoutSession:
    """Converts what Stripe's client returns. Raises UnreadableSessionError.

    `http_links` allows links without TLS, which only the emulator has. A link is sent to customers, so nothing that a
    browser could understand in another way, such as `javascript:`, becomes one.
    """
    session_id, status, url, expires_at = (
        getattr(response, name, None) for name in ("id", "status", "url", "expires_at")
    )
    seconds = whole_number(expires_at, MAX_SECONDS)
    if not isinstance(session_id, str) or not _ID.fullmatch(session_id) or status not in STATUSES or seconds is None:
        raise UnreadableSessionError("the response has no id, status or expires_at of a Checkout Session")
    if status != OPEN:
        return CheckoutSession(session_id, status, "", seconds)
    if not isinstance(url, str) or not _URL.fullmatch(url) or not (http_links or url.startswith("https:")):
        raise UnreadableSessionError("the response has no https link to the pay page")
    return CheckoutSession(session_id, status, url, seconds)
