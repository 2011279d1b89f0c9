"""Sends notifications over HTTP, and reads no more than the beginning of the response."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Self

from lea_payments.notifications.delivery import Attempt, Outcome
from lea_payments.outbound.http_client import CallError, HttpClient, Response

SEND_SECONDS = 10.0
"""The time for one attempt, from the connection to the response: far less than the lease of a payment."""

RESPONSE_LIMIT = 4096
"""In bytes, of a response's body. Nothing in it is used; reading it lets the connection be used again."""

BODY_SECONDS = 1.0

CONNECTIONS = 16
"""The connections to one endpoint."""


class Sender:
    """The connections to all endpoints."""

    def __init__(self, seconds: float = SEND_SECONDS) -> None:
        self._seconds = seconds
        self._http = HttpClient()

    async def send(self, url: str, body: str, headers: Mapping[str, str], now: float) -> Attempt:
        """The result of one attempt. `now` is in seconds since 1970. Redirects are not followed."""
        try:
            async with (
                asyncio.timeout(self._seconds),
                self._http.send("POST", url, headers, body.encode()) as response,
            ):
                await _read_beginning(response)
        except TimeoutError:
            return Attempt(Outcome.TIMEOUT)
        except (CallError, ValueError):
            return Attempt(Outcome.UNREACHABLE)
        pause = response.headers.get("retry-after", "")
        return Attempt(outcome_of(response.status), response.status, retry_after(pause, now))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Closes the connections."""
        await self._http.close()


async def _read_beginning(response: Response) -> None:
    """Reads the beginning of a body. One that does not arrive changes nothing: the status has decided."""
    with suppress(TimeoutError, CallError):
        async with asyncio.timeout(BODY_SECONDS):
            await response.read(RESPONSE_LIMIT)


_OUTCOMES: Mapping[int, Outcome] = {2: Outcome.DELIVERED, 3: Outcome.REDIRECTED, 4: Outcome.REJECTED}
"""The outcome by the first digit of the status; all others have failed."""


def outcome_of(status: int) -> Outcome:
    """The outcome of an attempt by the status of its response."""
    if status == HTTPStatus.GONE:
        return Outcome.GONE
    return _OUTCOMES.get(status // 100, Outcome.FAILED)


def retry_after(text: str, now: float) -> float:
    """The pause that a receiver asks for, in seconds; 0 if the header is missing or cannot be read."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text[:10])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, OverflowError, TypeError):
        return 0.0
