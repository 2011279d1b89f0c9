"""Opens connections to an endpoint: directly or through a proxy, with TLS or without it.

That happens rarely, so it is ordinary asynchronous code. uvloop tries one address of a host after the other, without a
time limit for each; here the next one is tried beside the first one, because a network can drop IPv6 without a word.
"""

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, zip_longest
from urllib.parse import SplitResult, urlsplit

import httptools
from botocore.exceptions import (
    BotoCoreError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ProxyConnectionError,
    SSLError,
)

from lea_payments.outbound.way import Proxy
from lea_payments.store.batch.connection import Connection
from lea_payments.store.connection import CONNECT_SECONDS

NEXT_ADDRESS_SECONDS = 0.25
"""How long one address of a host has before the next one is tried beside it (RFC 8305)."""

_PORTS = {"http": 80, "https": 443}
Address = tuple[int, int, int, str, tuple[object, ...]]


class Opener:
    """Opens connections to one URL. Raises botocore's exceptions, as boto3's client does."""

    def __init__(self, url: str, proxy: Proxy | None, tls: ssl.SSLContext | None) -> None:
        self._url, self._proxy, self._tls = url, proxy, tls
        self._parts = urlsplit(url)

    async def open(self, create: Callable[[], Connection]) -> Connection:
        """A connection on which requests for the URL can be sent."""
        connection = create()
        try:
            await self._open_on(connection)
        except BaseException:
            connection.abort()
            raise
        if not connection.is_usable:
            raise ConnectionClosedError(endpoint_url=self._url)
        return connection

    async def _open_on(self, connection: Connection) -> None:
        try:
            if self._proxy is None:
                await self._open_first(self._parts, lambda: connection)
            elif self._parts.scheme == "http":
                await self._open_first(urlsplit(self._proxy.address), lambda: connection)
            else:
                await self._open_tunnel(urlsplit(self._proxy.address), self._proxy, connection)
        except BotoCoreError:  # some of them are an OSError, too
            raise
        except ssl.SSLError as error:
            raise SSLError(endpoint_url=self._url, error=error) from error
        except (OSError, ValueError) as error:  # a name that is no host name is a ValueError
            raise EndpointConnectionError(endpoint_url=self._url, error=error) from error

    async def _open_first(
        self, server: SplitResult, create: Callable[[], asyncio.Protocol]
    ) -> tuple[asyncio.Transport, asyncio.Protocol]:
        """Connects to the server or the proxy, with TLS if its scheme says so."""
        loop, host = asyncio.get_running_loop(), server.hostname or ""
        tls = self._tls if server.scheme == "https" else None
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                connected = await _connect(host, server.port or _PORTS[server.scheme])
                return await loop.create_connection(
                    create, sock=connected, ssl=tls, server_hostname=host if tls else None
                )
        except TimeoutError as error:
            raise ConnectTimeoutError(endpoint_url=self._url, error=error) from error
        except ssl.SSLError:
            raise
        except OSError as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: OSError) -> BotoCoreError:
        if self._proxy is None:
            return EndpointConnectionError(endpoint_url=self._url, error=error)
        return ProxyConnectionError(proxy_url=self._proxy.address, error=error)

    async def _open_tunnel(self, server: SplitResult, proxy: Proxy, connection: Connection) -> None:
        tunnel = _Tunnel()
        transport, _ = await self._open_first(server, lambda: tunnel)
        try:
            authority = f"{self._parts.netloc.rpartition('@')[2]}{'' if self._parts.port else ':443'}"
            lines = [f"CONNECT {authority} HTTP/1.1", f"host: {authority}", "user-agent: lea-payments"]
            lines += [f"{name}: {value}" for name, value in proxy.headers.items()]
            transport.write("\r\n".join([*lines, "", ""]).encode())
            try:
                await tunnel.opened
            except OSError as error:
                raise self._unreachable(error) from error
            assert self._tls is not None
            inner = await asyncio.get_running_loop().start_tls(
                transport, connection, self._tls, server_hostname=self._parts.hostname
            )
            assert inner is not None
            connection.connection_made(inner)
        except BaseException:
            transport.abort()
            raise


class _Tunnel(asyncio.Protocol):
    """Waits for the proxy's response to CONNECT."""

    def __init__(self) -> None:
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._parser = httptools.HttpResponseParser(self)

    def data_received(self, data: bytes) -> None:
        """Reads a part of the response; nobody sends more before the client begins with TLS."""
        if self.opened.done():
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(f"the proxy did not respond to CONNECT: {error}")

    def on_headers_complete(self) -> None:
        """Ends the wait, unless the status is one like 100 Continue."""
        status = self._parser.get_status_code()
        if status >= 300:
            self._fail(f"Tunnel connection failed: {status}")
        elif status >= 200 and not self.opened.done():
            self.opened.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        """Ends the wait."""
        self._fail(f"the proxy closed the connection: {error}")

    def _fail(self, problem: str) -> None:
        if not self.opened.done():
            self.opened.set_exception(ConnectionError(problem))


async def _connect(host: str, port: int) -> socket.socket:
    addresses = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return await connect_to_first(_alternating(addresses))


async def connect_to_first(addresses: Iterable[Address]) -> socket.socket:
    """A socket that is connected to the first address that accepts. Raises the last error if there is none."""
    loop = asyncio.get_running_loop()
    waiting = deque(addresses)
    attempts: set[asyncio.Task[socket.socket]] = set()
    problem: BaseException | None = None
    try:
        while waiting or attempts:
            if waiting:
                attempts.add(loop.create_task(_attempt(waiting.popleft())))
            seconds = NEXT_ADDRESS_SECONDS if waiting else None
            done, _ = await asyncio.wait(attempts, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            for attempt in done:
                attempts.discard(attempt)
                problem = attempt.exception()
                if problem is None:
                    return attempt.result()
    finally:
        for attempt in attempts:
            attempt.add_done_callback(_close)
            attempt.cancel()
    assert problem is not None
    raise problem


async def _attempt(address: Address) -> socket.socket:
    family, kind, protocol, _, where = address
    result = socket.socket(family, kind, protocol)
    try:
        result.setblocking(False)  # noqa: FBT003 - its only form
        result.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        result.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(result, where)
    except BaseException:
        result.close()
        raise
    return result


def _close(attempt: asyncio.Task[socket.socket]) -> None:
    """Closes what an attempt has opened that is no longer needed."""
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().close()


def _alternating(addresses: Sequence[Address]) -> list[Address]:
    """The addresses with IPv6 and IPv4 in turns, beginning with the family that the system prefers."""
    first = [each for each in addresses if each[0] == addresses[0][0]]
    others = [each for each in addresses if each[0] != addresses[0][0]]
    return [each for each in chain.from_iterable(zip_longest(first, others)) if each is not None]
