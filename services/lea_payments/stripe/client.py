"""Creates the official Stripe client with short time limits, and reads its errors and headers."""

import re
from collections.abc import Mapping

import stripe

CONNECT_SECONDS = 2.0
READ_SECONDS = 6.0
_KEY = re.compile(r"\b[sr]k_(test|live)_\S+")


def client(key: str, base: str, *, read_seconds: float = READ_SECONDS, retries: int = 0) -> stripe.StripeClient:
    """A client for Stripe's API at this URL that repeats failed calls up to `retries` times."""
    return stripe.StripeClient(
        key,
        base_addresses={"api": base.rstrip("/")},
        max_network_retries=retries,
        http_client=stripe.RequestsClient(timeout=(CONNECT_SECONDS, read_seconds)),
    )


def message_of(error: stripe.StripeError) -> str:
    """Stripe's error message without the API key, which Stripe quotes in part."""
    return _KEY.sub("[key]", error.user_message or "")


def header(headers: Mapping[str, str], name: str) -> str:
    """A response header by its lower-case name, or an empty string."""
    return next((value for key, value in headers.items() if key.lower() == name), "")
