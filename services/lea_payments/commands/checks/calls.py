"""Calls Stripe's lists for the checks, and measures the clock with each response."""

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import msgspec
import stripe

from lea_payments.stripe import client as stripe_client


class CallResult(NamedTuple):
    """The body or the error of a call; `skew` is our clock minus Stripe's in seconds, if Stripe sent its time."""

    body: str
    error: stripe.StripeError | None
    skew: float | None


def call_list(client: stripe.StripeClient, path: str, **params: Any) -> CallResult:
    """The first objects of a list. A response that is not a list is an error with the response's status."""
    started = time.time()
    body = ""
    error: stripe.StripeError | None = None
    try:
        response = client.raw_request("get", path, **{"limit": 1, **params})
        body, headers = str(response.body), response.headers
        if not _is_list(body):
            body, error = "", stripe.APIError("not a list of Stripe's", http_status=response.code)
    except stripe.StripeError as stripe_error:
        error, headers = stripe_error, stripe_error.headers or {}
    return CallResult(body, error, _skew((started + time.time()) / 2, headers))


class _List(msgspec.Struct):
    data: list[msgspec.Raw]


_decode_list = msgspec.json.Decoder(_List).decode


def _is_list(body: str) -> bool:
    try:
        _decode_list(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return False
    return True


def _skew(our_time: float, headers: Mapping[str, str]) -> float | None:
    try:
        stripe_time = parsedate_to_datetime(stripe_client.header(headers, "date")).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
    return our_time - stripe_time - 0.5  # the header has whole seconds: on average half of one has passed
