"""Sends notifications over HTTP, and reads no more than the beginning of the response."""

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Self
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from lea_payments import __version__
from lea_payments.notifications.delivery import Attempt, Outcome
from lea_payments.outbound import way

SEND_SECONDS = 10.0
"""The time for one attempt, from the connection to the response: far less than the lease of a payment."""

RESPONSE_LIMIT = 4096
"""In bytes, of a response's body. Nothing in it is used; reading it lets the connection be used again."""

BODY_SECONDS = 1.0

CONNECTIONS = 16
"""The connections to one endpoint."""


class Sender:
    """The connections to all endpoints. Each request uses the proxy and the authorities that `way` names."""

    def __init__(self, seconds: float = SEND_SECONDS) -> None:
        self._seconds = seconds
        self._http: aiohttp.ClientSession | None = None

    async def send(self, url: str, body: str, headers: Mapping[str, str], now: float) -> Attempt:
        """The result of one attempt. `now` is in seconds since 1970. Redirects are not followed."""
        http = self._http = self._http or _session(self._seconds)
        try:
            async with (
                asyncio.timeout(self._seconds),
                http.post(
                    URL(url, encoded=True),
                    data=body.encode(),
                    allow_redirects=False,
                    **way.request_options(headers, way.proxy_for(url), over_tls=urlsplit(url).scheme == "https"),
                ) as response,
            ):
                await _read_beginning(response)
                status, pause = response.status, response.headers.get("retry-after", "")
        except TimeoutError:
            return Attempt(Outcome.TIMEOUT)
        except (aiohttp.ClientError, OSError, ValueError):
            return Attempt(Outcome.UNREACHABLE)
        return Attempt(outcome_of(status), status, retry_after(pause, now))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Closes the connections."""
        if self._http is not None:
            await self._http.close()


async def _read_beginning(response: aiohttp.ClientResponse) -> None:
    """Reads the beginning of a body. One that does not arrive changes nothing: the status has decided."""
    with suppress(TimeoutError, aiohttp.ClientError, ValueError):
        async with asyncio.timeout(BODY_SECONDS):
            await response.content.read(RESPONSE_LIMIT)


def _session(seconds: float) -> aiohttp.ClientSession:
    authorities = way.ca_file()
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=0, limit_per_host=CONNECTIONS, ssl=ssl.create_default_context(cafile=authorities)
        ),
        timeout=aiohttp.ClientTimeout(total=seconds),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"user-agent": f"lea-payments/{__version__}"},
        auto_decompress=False,
        read_bufsize=RESPONSE_LIMIT,
    )


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
