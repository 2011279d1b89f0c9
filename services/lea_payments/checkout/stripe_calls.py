"""Creates and reads Checkout Sessions at Stripe, and turns Stripe's errors into errors of the checkout API.

It uses the official package's blocking client in threads: the asynchronous one needs a second HTTP library in the
image, and these calls are few and slow.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http import HTTPStatus
from typing import TypeVar

import stripe

from lea_payments.checkout.errors import (
    LONGEST_RETRY_AFTER,
    InFlightError,
    KeySpentError,
    RefusalError,
    RejectedError,
    UnusableSessionError,
)
from lea_payments.payment.record import Payment
from lea_payments.stripe import client as stripe_client
from lea_payments.stripe.checkout_sessions import (
    OPEN,
    CheckoutSession,
    UnreadableSessionError,
    idempotency_key,
    params_of,
    session_of,
)
from lea_payments.telemetry import spans
from lea_payments.telemetry.metrics import OK
from lea_payments.telemetry.services import checkout as telemetry

THREADS = 16
ROUTES: Mapping[str, tuple[str, str]] = {
    telemetry.CREATE_SESSION: ("POST", "/v1/checkout/sessions"),
    telemetry.RETRIEVE_SESSION: ("GET", "/v1/checkout/sessions/{session}"),
    telemetry.EXPIRE_SESSION: ("POST", "/v1/checkout/sessions/{session}/expire"),
}
"""Stripe's method and route for each call, as spans name them."""

AMOUNT_CODES = ("amount_too_small", "amount_too_large")
FIRST_RETRY_AFTER = 2
"""In seconds: how long to wait for a busy Stripe that does not say it."""

_STORED = "the payment is stored. Repeat the same call to finish it."
ResultT = TypeVar("ResultT")


class StripeCheckout:
    """The Checkout Sessions of the Stripe account. Every method raises RefusalError if the call fails."""

    def __init__(self, client: stripe.StripeClient, pages_base_url: str, *, http_links: bool = False) -> None:
        """`http_links` allows links to the pay page without TLS, for a local stand-in of Stripe."""
        self._sessions = client.v1.checkout.sessions
        self._pages = pages_base_url
        self._http_links = http_links
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="stripe")

    def use(self, client: stripe.StripeClient) -> None:
        """Makes the next calls with this client, which has another key."""
        self._sessions = client.v1.checkout.sessions

    async def create(self, record: Payment) -> CheckoutSession:
        """Creates the session of the record's current attempt, or finds the one of an earlier call as it is now."""
        session, is_first = await self._call(
            telemetry.CREATE_SESSION,
            UnusableSessionError,
            partial(
                self._sessions.create, params_of(record, self._pages), {"idempotency_key": idempotency_key(record)}
            ),
            self._new_session,
        )
        # Stripe repeats its first response to the key, also when the session has ended since.
        return session if is_first else await self.find(session.id) or session

    async def expire(self, session_id: str) -> CheckoutSession | None:
        """Expires the session if it is open. Returns it as it is now, or None if Stripe has no such session."""
        try:
            return await self._session(telemetry.EXPIRE_SESSION, self._sessions.expire, session_id)
        except RejectedError:
            session = await self.find(session_id)
            if session is not None and session.status == OPEN:
                raise
            return session

    async def find(self, session_id: str) -> CheckoutSession | None:
        """The session as it is now, or None if the Stripe account has no such session."""
        return await self._session(telemetry.RETRIEVE_SESSION, self._sessions.retrieve, session_id)

    async def _session(self, call: str, request: Callable[[str], object], session_id: str) -> CheckoutSession | None:
        """The session that the request for this id returns, or None if the Stripe account has no such session."""
        try:
            return await self._call(
                call, RefusalError, partial(request, session_id), partial(self._session_with_id, session_id)
            )
        except _MissingError:
            return None

    async def _call(
        self,
        call: str,
        unreadable: type[RefusalError],
        request: Callable[[], object],
        read: Callable[[object], ResultT],
    ) -> ResultT:
        """Sends a request and reads its response. Raises `unreadable` if the response makes no sense."""
        loop = asyncio.get_running_loop()
        try:
            with spans.stripe_call(*ROUTES[call]):
                result = read(await loop.run_in_executor(self._threads, request))
        except stripe.StripeError as error:
            refusal = refusal_of(error)
            details = stripe_client.details_of(error)
            telemetry.stripe_call_failed(call, outcome_of(error), refusal.code, error, details)
            raise refusal from None
        except Exception as error:  # noqa: BLE001 - Stripe's package raises anything on JSON that it does not expect
            refusal = unreadable("stripe_error", f"Stripe sent no usable session; {_STORED}")
            telemetry.stripe_call_failed(call, telemetry.UNREADABLE, refusal.code, error)
            raise refusal from None
        telemetry.stripe_called(call, OK)
        return result

    def _new_session(self, response: object) -> tuple[CheckoutSession, bool]:
        """The session, and whether this is Stripe's first response to the idempotency key."""
        session = session_of(response, http_links=self._http_links)
        if session.status != OPEN:
            raise UnreadableSessionError("a new session is not open")
        headers = getattr(getattr(response, "last_response", None), "headers", {})
        return session, stripe_client.header(headers, "idempotent-replayed") != "true"

    def _session_with_id(self, session_id: str, response: object) -> CheckoutSession:
        session = session_of(response, http_links=self._http_links)
        if session.id != session_id:
            raise UnreadableSessionError("the response is another session")
        return session


class _MissingError(RefusalError):
    """Raised when Stripe has no such object."""


_OUTCOMES: Sequence[tuple[type[stripe.StripeError], str]] = (
    (stripe.APIConnectionError, telemetry.UNREACHABLE),
    (stripe.IdempotencyError, telemetry.KEY_SPENT),
    (stripe.RateLimitError, telemetry.RATE_LIMITED),
    (stripe.AuthenticationError, telemetry.KEY_REJECTED),
    (stripe.PermissionError, telemetry.KEY_REJECTED),
    (stripe.InvalidRequestError, telemetry.REJECTED),
    (stripe.CardError, telemetry.REJECTED),
)
"""The outcome of each kind of error. An error of another kind has no readable explanation."""


def outcome_of(error: stripe.StripeError) -> str:
    """The outcome of a call that ended with this error, as a metric label."""
    if error.http_status == HTTPStatus.CONFLICT:
        return telemetry.IN_FLIGHT
    if error.http_status is not None and error.http_status < HTTPStatus.BAD_REQUEST:
        return telemetry.UNREADABLE  # such as the page of a proxy
    if error.code == "resource_missing":
        return telemetry.MISSING
    if (error.headers or {}).get("Idempotent-Replayed") == "true" and _is_server_error(error):
        return telemetry.KEY_SPENT
    unknown = telemetry.UNREACHABLE if error.http_status is None else telemetry.SERVER_ERROR
    return next((outcome for kind, outcome in _OUTCOMES if isinstance(error, kind)), unknown)


def refusal_of(error: stripe.StripeError) -> RefusalError:
    """The refusal for an error of Stripe. Its message never contains the API key, which Stripe quotes in part."""
    return _REFUSALS[outcome_of(error)](error)


def _is_server_error(error: stripe.StripeError) -> bool:
    return (error.http_status or 0) >= HTTPStatus.INTERNAL_SERVER_ERROR


def _unreachable(_: stripe.StripeError) -> RefusalError:
    return RefusalError("stripe_unreachable", f"Stripe did not respond; {_STORED}")


def _unreadable(_: stripe.StripeError) -> RefusalError:
    return RefusalError("stripe_error", f"Stripe's response cannot be read; {_STORED}")


def _failed(error: stripe.StripeError) -> RefusalError:
    message = f"Stripe responded with {error.http_status}; {_STORED}"
    return RefusalError("stripe_error", message, retry_after=_retry_after(error))


def _key_spent(error: stripe.StripeError) -> RefusalError:
    """Stripe stores some 5xx errors under the idempotency key and repeats them for a day."""
    if _is_server_error(error):
        return KeySpentError("stripe_error", f"Stripe responded with {error.http_status}; {_STORED}")
    return KeySpentError("stripe_refused", "Stripe has this attempt with other parameters; repeat the call.")


def _in_flight(_: stripe.StripeError) -> RefusalError:
    message = "Another call for this payment is in progress; repeat the call."
    return InFlightError("try_again", message, retry_after=1)


def _busy(error: stripe.StripeError) -> RefusalError:
    message = "Stripe limits the rate; repeat the call after the seconds in Retry-After."
    return RefusalError("stripe_busy", message, retry_after=_retry_after(error) or FIRST_RETRY_AFTER)


def _retry_after(error: stripe.StripeError) -> int | None:
    """The seconds that Stripe asks to wait, within our limits, or None if it does not say."""
    asked = stripe_client.header(error.headers or {}, "retry-after")
    if not (asked.isascii() and asked.isdigit()):
        return None
    return max(1, min(int(asked[:9]), LONGEST_RETRY_AFTER))


def _key_rejected(error: stripe.StripeError) -> RefusalError:
    if isinstance(error, stripe.PermissionError):
        message = "The Stripe API key lacks a permission: give it write access to Checkout Sessions."
    else:
        message = "Stripe rejected the API key of this service: set STRIPE_SECRET_KEY to a valid one."
    return RefusalError("stripe_refused", message)


def _missing(_: stripe.StripeError) -> RefusalError:
    return _MissingError("stripe_refused", "Stripe has no such Checkout Session.")


def _rejected(error: stripe.StripeError) -> RefusalError:
    is_text = isinstance(error.user_message, str)
    reason = stripe_client.message_of(error) if is_text else "without a reason"
    if error.code in AMOUNT_CODES:
        return RejectedError(error.code, f"{reason} Start a new payment with another amount.", param="amount")
    return RejectedError("stripe_refused", f"Stripe rejected the request: {reason} (request {error.request_id})")


_REFUSALS: Mapping[str, Callable[[stripe.StripeError], RefusalError]] = {
    telemetry.UNREACHABLE: _unreachable,
    telemetry.SERVER_ERROR: _failed,
    telemetry.UNREADABLE: _unreadable,
    telemetry.KEY_SPENT: _key_spent,
    telemetry.IN_FLIGHT: _in_flight,
    telemetry.RATE_LIMITED: _busy,
    telemetry.KEY_REJECTED: _key_rejected,
    telemetry.MISSING: _missing,
    telemetry.REJECTED: _rejected,
}
