"""The official package's client as all of ours have it, and how its errors are read; knows none of Stripe's objects."""

import re
from collections.abc import Mapping

import stripe

CONNECT_SECONDS = 2.0
READ_SECONDS = 6.0
_KEY = re.compile(r"\b[sr]k_(test|live)_\S+")


def client(key: str, base: str, *, read_seconds: float = READ_SECONDS, retries: int = 0) -> stripe.StripeClient:
    """A client for Stripe's API at this address; `retries` are those that the package makes by itself."""
    return stripe.StripeClient(
        key,
        base_addresses={"api": base.rstrip("/")},
        max_network_retries=retries,
        http_client=stripe.RequestsClient(timeout=(CONNECT_SECONDS, read_seconds)),
    )


def said(error: stripe.StripeError) -> str:
    """What Stripe says of an error, for people; never our key, not even the part that Stripe repeats."""
    return _KEY.sub("[key]", error.user_message or "")


def header(headers: Mapping[str, str], name: str) -> str:
    """A header of an answer, by its name in small letters; empty when it is missing."""
    return next((value for key, value in headers.items() if key.lower() == name), "")
