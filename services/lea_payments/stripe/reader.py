"""Reading from Stripe: at most five calls a second, and patient while it is busy; knows none of Stripe's objects."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from typing import Any

import msgspec
import stripe

from lea_payments.log import log
from lea_payments.settings import StripeSettings
from lea_payments.stripe import client as stripe_client

CALLS_PER_SECOND = 5
TRIES = 6
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0
"""In seconds; the pause doubles with each try, and Stripe's own Retry-After makes it longer."""

READ_SECONDS = 20.0
PAGE = 100
_PASSING = (HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS)
Sleep = Callable[[float], Awaitable[object]]


class StripeCallError(Exception):
    """What keeps Stripe from answering.

    StripeCallError
    ├── StripeUnavailableError
    └── StripeRefusedError
        └── StripeMissingError
    """


class StripeUnavailableError(StripeCallError):
    """Raised when Stripe has not answered well after several tries; later it may."""


class StripeRefusedError(StripeCallError):
    """Raised when Stripe does not take our key or our question; no other try will help."""


class StripeMissingError(StripeRefusedError):
    """Raised when Stripe, under our key, has no such object."""


class Pace:
    """Lets callers through one after the other, so many a second at most."""

    def __init__(
        self, per_second: float, clock: Callable[[], float] = time.monotonic, sleep: Sleep = asyncio.sleep
    ) -> None:
        self._apart = 1 / per_second
        self._clock = clock
        self._sleep = sleep
        self._next = float("-inf")

    async def turn(self) -> None:
        """Returns when it is the caller's turn."""
        now = self._clock()
        mine = max(now, self._next)
        self._next = mine + self._apart
        if mine > now:
            await self._sleep(mine - now)


class _Page(msgspec.Struct):
    data: list[msgspec.Raw]
    has_more: bool


class _Named(msgspec.Struct):
    id: str


_page_of = msgspec.json.Decoder(_Page).decode
_named = msgspec.json.Decoder(_Named).decode


class StripeCalls:
    """Stripe's answers as it wrote them. Every method raises StripeCallError."""

    def __init__(self, settings: StripeSettings, sleep: Sleep = asyncio.sleep) -> None:
        self._sleep = sleep
        self._pace = Pace(CALLS_PER_SECOND, sleep=sleep)
        self._client = stripe_client.client(
            settings.stripe_secret_key, settings.stripe_api_base, read_seconds=READ_SECONDS
        )

    async def get(self, path: str, **params: Any) -> bytes:
        """The body of Stripe's answer to a GET."""
        for tried in range(1, TRIES + 1):
            await self._pace.turn()
            try:
                answer = await asyncio.to_thread(partial(self._client.raw_request, "get", path, **params))
            except stripe.StripeError as error:
                if not _passing(error):
                    kind = StripeMissingError if error.code == "resource_missing" else StripeRefusedError
                    raise kind(_refusal(error)) from None
                pause = pause_after(error.headers or {}, tried)
                log.warning("stripe busy", http_status=error.http_status, path=path, tried=tried, pause=round(pause, 1))
                if tried < TRIES:
                    await self._sleep(pause)
            else:
                body: str | bytes = answer.body
                return body.encode() if isinstance(body, str) else body
        raise StripeUnavailableError(
            f"Stripe has not answered {TRIES} times; look at status.stripe.com and STRIPE_API_BASE"
        )

    async def pages(self, path: str, **params: Any) -> AsyncIterator[Sequence[msgspec.Raw]]:
        """All objects of a list, newest first, a page at a time."""
        cursor: dict[str, str] = {}
        while True:
            body = await self.get(path, limit=PAGE, **cursor, **params)
            try:
                page = _page_of(body)
                yield page.data
                if not page.has_more or not page.data:
                    return
                cursor = {"starting_after": _named(page.data[-1]).id}
            except msgspec.MsgspecError:
                raise StripeUnavailableError("what answered is not Stripe; look at STRIPE_API_BASE") from None


def pause_after(headers: Mapping[str, str], tried: int) -> float:
    """How long to wait after so many tries, in seconds: doubling, spread, and never less than Stripe asks for."""
    doubled: float = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (tried - 1))
    spread = doubled * random.uniform(0.5, 1)  # noqa: S311 - it keeps no secret
    asked = stripe_client.header(headers, "retry-after")
    seconds = float(asked) if asked.isascii() and asked.isdigit() else 0.0
    return float(min(LONGEST_PAUSE, max(spread, seconds)))


def _passing(error: stripe.StripeError) -> bool:
    status = error.http_status
    return status is None or status in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR


def _refusal(error: stripe.StripeError) -> str:
    """What to do about it."""
    if isinstance(error, stripe.AuthenticationError):
        return "Stripe does not accept our API key: set STRIPE_SECRET_KEY to a valid one"
    if isinstance(error, stripe.PermissionError):
        return (
            "our Stripe API key may not do this: give the restricted key read access to Events, Checkout Sessions, "
            "PaymentIntents, Charges, Refunds and Disputes"
        )
    said = stripe_client.said(error)
    return f"Stripe refused the question: {said} (Stripe's request {error.request_id})"
