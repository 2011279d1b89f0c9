"""Calls Stripe's lists for the checks, and measures the clock with each response."""

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import stripe

from lea_payments.stripe import client as stripe_client


class CallResult(NamedTuple):
    """The body or the error of a call; `skew` is our clock minus Stripe's in seconds, if Stripe sent its time."""

    body: str
    error: stripe.StripeError | None
    skew: float | None


def call_list(client: stripe.StripeClient, path: str, **params: Any) -> CallResult:
    """The first objects of a list."""
    started = time.time()
    try:
        response = client.raw_request("get", path, **{"limit": 1, **params})
        body, error, headers = str(response.body), None, response.headers
    except stripe.StripeError as stripe_error:
        body, error, headers = "", stripe_error, stripe_error.headers or {}
    return CallResult(body, error, _skew((started + time.time()) / 2, headers))


def _skew(our_time: float, headers: Mapping[str, str]) -> float | None:
    try:
        stripe_time = parsedate_to_datetime(stripe_client.header(headers, "date")).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
    return our_time - stripe_time - 0.5  # the header has whole seconds: on average half of one has passed
