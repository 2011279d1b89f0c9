"""Sends HTTP requests to webhook endpoints."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable

import httpx

MAX_CONNECTIONS = 50
CLIENTS = 10
Send = Callable[[str, dict[str, str], bytes], Awaitable[int]]


class ReceiverUnreachableError(Exception):
    """Raised when an endpoint does not answer."""


class Sender:
    """A pool of HTTP clients.

    A client of httpx searches all its connections, and all requests that wait for one, at each request. Therefore
    there are several clients, and requests wait here.
    """

    def __init__(self, timeout: float) -> None:
        certificates = httpx.create_ssl_context(trust_env=False)  # read once, because that takes time
        self._clients = [
            httpx.AsyncClient(follow_redirects=False, timeout=timeout, trust_env=False, verify=certificates)
            for _ in range(CLIENTS)
        ]
        self._next_client = itertools.cycle(self._clients)
        self._connections = asyncio.Semaphore(MAX_CONNECTIONS)

    async def send(self, url: str, headers: dict[str, str], body: bytes) -> int:
        """Post the body and return the status of the answer."""
        try:
            async with self._connections:
                return (await next(self._next_client).post(url, headers=headers, content=body)).status_code
        # httpx raises an AttributeError if the receiver is killed while the connection is being opened.
        except (httpx.HTTPError, AttributeError) as error:
            raise ReceiverUnreachableError(str(error) or type(error).__name__) from error

    async def close(self) -> None:
        """Close all connections."""
        for client in self._clients:
            await client.aclose()
