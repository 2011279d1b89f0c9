"""Sends single HTTP requests from an event loop. It follows no redirect, keeps no cookie and decodes nothing."""

import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager
from functools import cached_property
from typing import Any, NamedTuple
from urllib.parse import SplitResult, urlsplit

import httpcore2

from lea_payments import __version__
from lea_payments.outbound import way

IDLE_SECONDS = 15.0
"""How long a connection stays open for the next request."""

_PORTS = {"http": 80, "https": 443}
_HEADERS = {"Accept": "*/*", "User-Agent": f"lea-payments/{__version__}"}


class CallError(Exception):
    """Raised when a call has failed. The server may have received it."""


class NoResponseError(CallError):
    """Raised when the connection ended before a response, as it can when an idle one is used again."""


class NotSentError(CallError):
    """Raised when there was no connection, so the server has received nothing."""


class ProxyConnectionError(NotSentError):
    """Raised when the proxy cannot be reached."""


class ProxyError(NotSentError):
    """Raised when the proxy does not connect to the server. `status` is its answer."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.status = int(text[:3])


class Response(NamedTuple):
    """The beginning of a response. The names of its headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    stream: httpcore2.Response

    async def read(self, limit: int) -> bytes:
        """The body, but no more than the limit in bytes. Raises CallError if it is cut off."""
        body = bytearray()
        with _call_errors(CallError, None):
            async with aclosing(self.stream.aiter_stream()) as parts:
                async for part in parts:
                    body += part
                    if len(body) >= limit:
                        break
        return bytes(body[:limit])


class HttpClient:
    """Connections to any number of servers. Each request uses the proxy and the authorities that `way` names."""

    def __init__(self, connections: int | None = None, connect_seconds: float | None = None) -> None:
        self._connections = connections
        self._timeout = {"connect": connect_seconds}
        self._pools: dict[str, httpcore2.AsyncConnectionPool] = {}

    @asynccontextmanager
    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> AsyncIterator[Response]:
        """The response to one request. Raises CallError, and ValueError for a URL that cannot be read."""
        proxy = way.proxy_for(url)
        request = _request(method, urlsplit(url), {**_HEADERS, **headers}, body, proxy, self._timeout)
        with _call_errors(NoResponseError, proxy):
            response = await self._pool(proxy).handle_async_request(request)
        try:
            yield Response(response.status, _first_of_each(response.headers), response)
        finally:
            await response.aclose()

    async def close(self) -> None:
        """Closes the connections."""
        for pool in self._pools.values():
            await pool.aclose()

    def _pool(self, proxy: way.Proxy | None) -> httpcore2.AsyncConnectionPool:
        key = proxy.url if proxy else ""
        pool = self._pools.get(key)
        if pool is None:
            pool = self._pools[key] = httpcore2.AsyncConnectionPool(
                ssl_context=self._tls,
                proxy=proxy and self._through(proxy),
                max_connections=self._connections,
                keepalive_expiry=IDLE_SECONDS,
            )
        return pool

    def _through(self, proxy: way.Proxy) -> httpcore2.Proxy:
        tls = self._tls if proxy.address.startswith("https:") else None
        return httpcore2.Proxy(proxy.address, headers=[*proxy.headers.items()], ssl_context=tls)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return way.tls_context()


def _request(
    method: str,
    url: SplitResult,
    headers: Mapping[str, str],
    body: bytes | None,
    proxy: way.Proxy | None,
    timeout: Mapping[str, float | None],
) -> httpcore2.Request:
    """The request to a URL. The package knows no brackets around IPv6 addresses, so its parts are built here."""
    name = url.hostname or ""
    in_brackets = f"[{name}]" if ":" in name else name
    host = in_brackets if url.port in (None, _PORTS.get(url.scheme)) else f"{in_brackets}:{url.port}"
    target = f"{url.path or '/'}{url.query and '?'}{url.query}"
    extensions: dict[str, Any] = {"timeout": timeout, "sni_hostname": name}
    if proxy is not None and url.scheme == "http":
        target = f"http://{host}{target}"
    length = {} if body is None else {"Content-Length": str(len(body))}
    return httpcore2.Request(
        method,
        httpcore2.URL(
            scheme=url.scheme,
            host=(name if proxy is None else in_brackets).encode("idna"),
            port=url.port,
            target=target.encode(),
        ),
        headers=[(key.encode(), value.encode()) for key, value in {"Host": host, **headers, **length}.items()],
        content=body,
        extensions=extensions,
    )


def _first_of_each(headers: list[tuple[bytes, bytes]]) -> Mapping[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in reversed(headers)}


@contextmanager
def _call_errors(otherwise: type[CallError], proxy: way.Proxy | None) -> Iterator[None]:
    """Turns the package's errors, which have no common class, into CallError: into `otherwise` after the connection."""
    try:
        yield
    except httpcore2.ProxyError as error:
        raise ProxyError(str(error)) from error
    except httpcore2.ConnectError as error:
        raise (ProxyConnectionError if _is_of_proxy(error, proxy) else NotSentError)(str(error)) from error
    except (httpcore2.ConnectTimeout, httpcore2.UnsupportedProtocol) as error:
        raise NotSentError(str(error)) from error
    except (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.TimeoutException, OSError) as error:
        if isinstance(error, TimeoutError):
            raise
        raise otherwise(str(error)) from error


def _is_of_proxy(error: httpcore2.ConnectError, proxy: way.Proxy | None) -> bool:
    """Whether the connection to the proxy failed: TLS fails later, with the server."""
    cause = error.__context__
    return proxy is not None and isinstance(cause, OSError) and not isinstance(cause, ssl.SSLError)
