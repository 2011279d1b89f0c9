"""Reads from Stripe's API: at most five calls a second, with retries while Stripe is unavailable."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

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
ContentT = TypeVar("ContentT")


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


class _Object(msgspec.Struct):
    id: Annotated[str, msgspec.Meta(min_length=1)]


_decode_page = msgspec.json.Decoder(_Page).decode
_decode_object = msgspec.json.Decoder(_Object).decode


def _client(settings: StripeSettings) -> stripe.StripeClient:
    return stripe_client.client(settings.stripe_secret_key, settings.stripe_api_base, read_seconds=READ_SECONDS)


class StripeReader:
    """Stripe's responses, undecoded. Every method raises StripeCallError."""

    def __init__(
        self, settings: StripeSettings, sleep: Sleep = asyncio.sleep, client: stripe.StripeClient | None = None
    ) -> None:
        """The rate limit waits with `sleep`; `client` replaces the client that the settings describe."""
        self._pace = Pace(CALLS_PER_SECOND, sleep=sleep)
        self._client = client or _client(settings)

    def use(self, settings: StripeSettings) -> None:
        """Makes the next calls with the key of these settings."""
        self._client = _client(settings)

    async def get(self, path: str, **params: Any) -> bytes:
        """The body of the response to a GET request: a JSON object."""
        return await self._get(path, params, bytes)

    async def event(self, event_id: str) -> bytes:
        """The body of an event; a response without an id is not one and is requested again."""
        return await self._get(f"/v1/events/{event_id}", {}, _with_id)

    async def pages(self, path: str, **params: Any) -> AsyncIterator[Sequence[msgspec.Raw]]:
        """Yields all objects of a list, newest first, page by page."""
        cursors: list[str] = []
        while True:
            after = {"starting_after": cursors[-1]} if cursors else {}
            page = await self._get(path, {"limit": PAGE_SIZE, **after, **params}, _page_of)
            yield page.data
            if not page.has_more:
                return
            cursor = _cursor(page)
            if cursor is None or cursor in cursors:
                raise StripeUnavailableError("Stripe's list does not end or has no ids: check STRIPE_API_BASE", path)
            cursors.append(cursor)

    async def _get(self, path: str, params: dict[str, Any], decode: Callable[[bytes], ContentT]) -> ContentT:
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
                body = await self._get_once(path, params, attempt.next_wait)
                try:
                    return decode(body)
                except (msgspec.MsgspecError, RecursionError):
                    raise _unreadable(path, HTTPStatus.OK) from None
        raise AssertionError("unreachable")  # the last try raises or returns

    async def _get_once(self, path: str, params: dict[str, Any], backoff: float) -> bytes:
        try:
            known = {name: _encodable(value) for name, value in params.items()}
            response = await asyncio.to_thread(partial(self._client.raw_request, "get", path, **known))
        except stripe.StripeError as error:
            raise _call_error(error, path, backoff) from None
        body: str | bytes = response.body
        return without_lone_surrogates(body.encode() if isinstance(body, str) else body)


def _encodable(value: Any) -> Any:
    """The value with `?` for each lone surrogate, which no id of Stripe's has and no request can contain."""
    return value.encode(errors="replace").decode() if isinstance(value, str) else value


def _with_id(body: bytes) -> bytes:
    """The body, if it is an object with an id; its other fields are not decoded here."""
    try:
        _decode_object(body)
    except (msgspec.DecodeError, RecursionError):
        msgspec.convert(json.loads(body), _Object)  # accepts more than msgspec, such as NaN
    return body


def _page_of(body: bytes) -> _Page:
    """The page with its objects undecoded, so that an object which cannot be read does not affect the others."""
    try:
        return _decode_page(body)
    except (msgspec.DecodeError, RecursionError):
        content = json.loads(body)  # accepts more than msgspec, such as NaN
        if isinstance(content.get("data"), list):
            content["data"] = [msgspec.Raw(json.dumps(each).encode()) for each in content["data"]]
        return msgspec.convert(content, _Page)


def _cursor(page: _Page) -> str | None:
    """The id of the last object that has one."""
    for raw in reversed(page.data):
        try:
            return _decode_object(raw).id
        except (msgspec.MsgspecError, RecursionError):
            continue
    return None


def retry_wait(error: Exception) -> bool | float:
    """Whether to retry a call after this error; a number is the wait in seconds that Stripe asked for."""
    if not isinstance(error, StripeUnavailableError):
        return False
    return True if error.retry_after is None else error.retry_after


def _call_error(error: stripe.StripeError, path: str, backoff: float) -> StripeCallError:
    status = error.http_status
    if status is not None and status < HTTPStatus.BAD_REQUEST:
        return _unreadable(path, status)
    if status is None or status in _RETRYABLE or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        retry_after = _retry_after(error)
        return StripeUnavailableError(
            f"{stripe_client.unavailable_reason(error)} ({TRIES} tries)",
            path,
            status,
            retry_after if retry_after > backoff else None,
        )
    kind = StripeMissingError if error.code == "resource_missing" else StripeRefusedError
    return kind(_remedy(error))


def _unreadable(path: str, status: int) -> StripeUnavailableError:
    return StripeUnavailableError(
        f"Stripe's response cannot be read after {TRIES} tries: check STRIPE_API_BASE and the proxies on the way",
        path,
        status,
    )


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
    reason = stripe_client.message_of(error) or f"HTTP {error.http_status}"
    return f"Stripe rejected the request: {reason} (request {error.request_id})"
