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
from lea_payments.settings import CheckoutSettings
from lea_payments.stripe import client as stripe_client
from lea_payments.stripe.checkout_sessions import CheckoutSession, idempotency_key, params_of, session_of
from lea_payments.telemetry import events, spans

THREADS = 16
NETWORK_RETRIES = 1
ROUTES = {"POST": "/v1/checkout/sessions", "GET": "/v1/checkout/sessions/{session}"}
"""What is asked of Stripe by each HTTP method."""

AMOUNT_CODES = ("amount_too_small", "amount_too_large")
ResultT = TypeVar("ResultT")


class StripeCheckout:
    """Stripe's Checkout Sessions. Every method raises RefusalError when Stripe does not do what was asked."""

    def __init__(self, settings: CheckoutSettings) -> None:
        self._pages = settings.pages_base_url
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="stripe")
        self._client = stripe_client.client(
            settings.stripe_secret_key,
            settings.stripe_api_base,
            retries=NETWORK_RETRIES,
        )

    async def create(self, record: Payment) -> CheckoutSession:
        """The session of the record's current attempt: however often it is called, the same one."""
        created = await self._call(
            "POST",
            self._client.v1.checkout.sessions.create,
            params_of(record, self._pages),
            {"idempotency_key": idempotency_key(record)},
        )
        return session_of(created)

    async def find(self, session_id: str) -> CheckoutSession | None:
        """The session as it is now; None if this account of Stripe's has no such session."""
        try:
            return session_of(await self._call("GET", self._client.v1.checkout.sessions.retrieve, session_id))
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


def refusal_of(error: stripe.StripeError) -> RefusalError:
    """What our caller is told of an error of Stripe's; never our key, not even the part that Stripe repeats."""
    status = error.http_status
    if isinstance(error, stripe.IdempotencyError):
        return KeySpentError("stripe_refused", "Stripe has this attempt under other parameters; repeat the call.")
    if status == HTTPStatus.CONFLICT:
        return InFlightError("try_again", "Another call for this payment is under way; repeat the call.", retry_after=1)
    if isinstance(error, stripe.RateLimitError):
        return RefusalError("stripe_busy", "Stripe asks us to slow down; repeat the call in a moment.", retry_after=2)
    if status is None or isinstance(error, stripe.APIConnectionError):
        return RefusalError(
            "stripe_unreachable",
            "Stripe cannot be reached; the payment is on record, repeat the same call to get its link.",
        )
    if not HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
        kind = KeySpentError if (error.headers or {}).get("Idempotent-Replayed") == "true" else RefusalError
        return kind(
            "stripe_error",
            f"Stripe answered {status}; the payment is on record, repeat the same call to get its link.",
        )
    return _refused(error)


class _MissingError(RefusalError):
    """Raised when Stripe has no such object."""


def _refused(error: stripe.StripeError) -> RefusalError:
    if isinstance(error, stripe.AuthenticationError):
        return RefusalError(
            "stripe_refused", "Stripe does not accept our API key: set STRIPE_SECRET_KEY to a valid one."
        )
    if isinstance(error, stripe.PermissionError):
        return RefusalError(
            "stripe_refused",
            "Our Stripe API key may not do this: give the restricted key write access to Checkout Sessions.",
        )
    if error.code == "resource_missing":
        return _MissingError("stripe_refused", "Stripe has no such Checkout Session.")
    if error.code in AMOUNT_CODES:
        return RefusalError(
            error.code, f"{error.user_message} Begin a new payment with another amount.", param="amount"
        )
    said = stripe_client.said(error)
    return RefusalError("stripe_refused", f"Stripe refused the request: {said} (Stripe's request {error.request_id})")
