"""Reads from Stripe's API: at most five calls a second, with retries while Stripe is unavailable."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from http import HTTPStatus
from typing import Any

import msgspec
import stamina
import stripe

from lea_payments.settings import StripeSettings
from lea_payments.stripe import client as stripe_client
from lea_payments.stripe.errors import (
    StripeCallError,
    StripeMissingError,
    StripeRefusedError,
    StripeUnavailableError,
)
from lea_payments.stripe.shapes import without_lone_surrogates

CALLS_PER_SECOND = 5
TRIES = 6
FIRST_WAIT, LONGEST_WAIT, JITTER = 0.5, 60.0, 0.5
"""In seconds. The wait doubles with each try; Stripe's Retry-After replaces it when that is longer."""

READ_SECONDS = 20.0
PAGE_SIZE = 100
_RETRYABLE = (HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS)
Sleep = Callable[[float], Awaitable[object]]


class Pace:
    """Limits the rate of calls: each caller waits for its turn."""

    def __init__(
        self, per_second: float, clock: Callable[[], float] = time.monotonic, sleep: Sleep = asyncio.sleep
    ) -> None:
        self._interval = 1 / per_second
        self._clock = clock
        self._sleep = sleep
        self._next_turn = float("-inf")

    async def turn(self) -> None:
        """Waits until it is the caller's turn."""
        now = self._clock()
        turn = max(now, self._next_turn)
        self._next_turn = turn + self._interval
        if turn > now:
            await self._sleep(turn - now)


class _Page(msgspec.Struct):
    data: list[msgspec.Raw]
    has_more: bool


class _ObjectId(msgspec.Struct):
    id: str


_decode_page = msgspec.json.Decoder(_Page).decode
_decode_id = msgspec.json.Decoder(_ObjectId).decode


class StripeReader:
    """Stripe's responses, undecoded. Every method raises StripeCallError."""

    def __init__(
        self, settings: StripeSettings, sleep: Sleep = asyncio.sleep, client: stripe.StripeClient | None = None
    ) -> None:
        """The rate limit waits with `sleep`; `client` replaces the client that the settings describe."""
        self._pace = Pace(CALLS_PER_SECOND, sleep=sleep)
        self._client = client or stripe_client.client(
            settings.stripe_secret_key, settings.stripe_api_base, read_seconds=READ_SECONDS
        )

    async def get(self, path: str, **params: Any) -> bytes:
        """The body of the response to a GET request."""
        async for attempt in stamina.retry_context(
            on=retry_wait,
            attempts=TRIES,
            timeout=None,
            wait_initial=FIRST_WAIT,
            wait_max=LONGEST_WAIT,
            wait_jitter=JITTER,
        ):
            with attempt:
                await self._pace.turn()
                return await self._get_once(path, params, attempt.next_wait)
        raise AssertionError("unreachable")  # the last try raises or returns

    async def pages(self, path: str, **params: Any) -> AsyncIterator[Sequence[msgspec.Raw]]:
        """Yields all objects of a list, newest first, page by page."""
        cursor: dict[str, str] = {}
        while True:
            body = await self.get(path, limit=PAGE_SIZE, **cursor, **params)
            try:
                page = _decode_page(body)
                yield page.data
                if not page.has_more or not page.data:
                    return
                cursor = {"starting_after": _decode_id(page.data[-1]).id}
            except msgspec.MsgspecError:
                raise StripeUnavailableError("the response is not from Stripe: check STRIPE_API_BASE", path) from None

    async def _get_once(self, path: str, params: dict[str, Any], backoff: float) -> bytes:
        try:
            response = await asyncio.to_thread(partial(self._client.raw_request, "get", path, **params))
        except stripe.StripeError as error:
            raise _call_error(error, path, backoff) from None
        body: str | bytes = response.body
        return without_lone_surrogates(body.encode() if isinstance(body, str) else body)


def retry_wait(error: Exception) -> bool | float:
    """Whether to retry a call after this error; a number is the wait in seconds that Stripe asked for."""
    if not isinstance(error, StripeUnavailableError):
        return False
    return True if error.retry_after is None else error.retry_after


def _call_error(error: stripe.StripeError, path: str, backoff: float) -> StripeCallError:
    status = error.http_status
    if status is None or status in _RETRYABLE or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        retry_after = _retry_after(error)
        return StripeUnavailableError(
            f"Stripe did not respond after {TRIES} tries: check status.stripe.com and STRIPE_API_BASE",
            path,
            status,
            retry_after if retry_after > backoff else None,
        )
    kind = StripeMissingError if error.code == "resource_missing" else StripeRefusedError
    return kind(_remedy(error))


def _retry_after(error: stripe.StripeError) -> float:
    value = stripe_client.header(error.headers or {}, "retry-after")
    return min(LONGEST_WAIT, float(value)) if value.isascii() and value.isdigit() else 0.0


def _remedy(error: stripe.StripeError) -> str:
    if isinstance(error, stripe.AuthenticationError):
        return "Stripe does not accept the API key: set STRIPE_SECRET_KEY to a valid one"
    if isinstance(error, stripe.PermissionError):
        return (
            "the Stripe API key lacks a permission: give the restricted key read access to Events, Checkout Sessions, "
            "PaymentIntents, Charges, Refunds, Disputes and Radar"
        )
    return f"Stripe rejected the request: {stripe_client.message_of(error)} (request {error.request_id})"
