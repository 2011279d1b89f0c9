"""Creates and reads Checkout Sessions at Stripe, and turns Stripe's errors into errors of the checkout API.

It uses the official package's blocking client in threads: the asynchronous one needs a second HTTP library in the
image, and these calls are few and slow.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http import HTTPStatus
from typing import TypeVar

import stripe

from lea_payments.checkout.errors import InFlightError, KeySpentError, RefusalError
from lea_payments.payment.record import Payment
from lea_payments.stripe import client as stripe_client
from lea_payments.stripe.checkout_sessions import CheckoutSession, idempotency_key, params_of, session_of
from lea_payments.telemetry import events, spans

THREADS = 16
ROUTES = {"POST": "/v1/checkout/sessions", "GET": "/v1/checkout/sessions/{session}"}
"""Stripe's route for each HTTP method, as spans name it."""

AMOUNT_CODES = ("amount_too_small", "amount_too_large")
ResultT = TypeVar("ResultT")


class StripeCheckout:
    """The Checkout Sessions of the Stripe account. Every method raises RefusalError if the call fails."""

    def __init__(self, client: stripe.StripeClient, pages_base_url: str) -> None:
        self._sessions = client.v1.checkout.sessions
        self._pages = pages_base_url
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="stripe")

    async def create(self, record: Payment) -> CheckoutSession:
        """Creates the session of the record's current attempt. A repeated call returns the same session."""
        session = await self._call(
            "POST",
            self._sessions.create,
            params_of(record, self._pages),
            {"idempotency_key": idempotency_key(record)},
        )
        return session_of(session)

    async def find(self, session_id: str) -> CheckoutSession | None:
        """The session as it is now, or None if the Stripe account has no such session."""
        try:
            return session_of(await self._call("GET", self._sessions.retrieve, session_id))
        except _MissingError:
            return None

    async def _call(self, method: str, call: Callable[..., ResultT], *arguments: object) -> ResultT:
        loop = asyncio.get_running_loop()
        try:
            with spans.stripe_call(method, ROUTES[method]):
                return await loop.run_in_executor(self._threads, partial(call, *arguments))
        except stripe.StripeError as error:
            refusal = refusal_of(error)
            events.stripe_call_failed(refusal.code, error)
            raise refusal from None


class _MissingError(RefusalError):
    """Raised when Stripe has no such object."""


def refusal_of(error: stripe.StripeError) -> RefusalError:
    """The refusal for an error of Stripe. Its message never contains the API key, which Stripe quotes in part."""
    status = error.http_status
    if isinstance(error, stripe.IdempotencyError):
        return KeySpentError("stripe_refused", "Stripe has this attempt with other parameters; repeat the call.")
    if status == HTTPStatus.CONFLICT:
        message = "Another call for this payment is in progress; repeat the call."
        return InFlightError("try_again", message, retry_after=1)
    if isinstance(error, stripe.RateLimitError):
        return RefusalError("stripe_busy", "Stripe limits the rate; repeat the call in a moment.", retry_after=2)
    if status is None or isinstance(error, stripe.APIConnectionError):
        message = "Stripe did not respond; the payment is stored. Repeat the same call to get its link."
        return RefusalError("stripe_unreachable", message)
    if not HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
        message = f"Stripe responded with {status}; the payment is stored. Repeat the same call to get its link."
        return _server_error_kind(error)("stripe_error", message)
    return _request_rejected(error)


def _server_error_kind(error: stripe.StripeError) -> type[RefusalError]:
    """The class for a 5xx error: Stripe stores some under the idempotency key and repeats them for a day."""
    return KeySpentError if (error.headers or {}).get("Idempotent-Replayed") == "true" else RefusalError


def _request_rejected(error: stripe.StripeError) -> RefusalError:
    if isinstance(error, stripe.AuthenticationError):
        message = "Stripe rejected the API key of this service: set STRIPE_SECRET_KEY to a valid one."
        return RefusalError("stripe_refused", message)
    if isinstance(error, stripe.PermissionError):
        message = "The Stripe API key lacks a permission: give it write access to Checkout Sessions."
        return RefusalError("stripe_refused", message)
    if error.code == "resource_missing":
        return _MissingError("stripe_refused", "Stripe has no such Checkout Session.")
    if error.code in AMOUNT_CODES:
        message = f"{error.user_message} Start a new payment with another amount."
        return RefusalError(error.code, message, param="amount")
    reason = stripe_client.message_of(error)
    return RefusalError("stripe_refused", f"Stripe rejected the request: {reason} (request {error.request_id})")
