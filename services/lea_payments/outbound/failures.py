"""Says why a call has not reached its server, and what to do about it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from urllib.parse import urlsplit

from lea_payments.outbound.way import proxy_for

CREDENTIALS_REMEDY = "write it into HTTPS_PROXY or HTTP_PROXY, as http://user:password@host:port"
_TUNNEL = re.compile(r"Tunnel connection failed: (\d{3})")
_PROXY_ERRORS = frozenset({"ProxyConnectionError", "ProxyError"})
"""The names of the exceptions about a proxy: our own, and those of botocore, urllib3 and requests."""

_REASONS: Mapping[str, str] = {
    **dict.fromkeys(
        ("NameResolutionError", "gaierror"),
        "its name cannot be resolved: check DNS, {listed} and HTTPS_PROXY",
    ),
    **dict.fromkeys(
        ("SSLError", "SSLCertVerificationError"),
        "its certificate is not trusted: check {listed} and AWS_CA_BUNDLE or REQUESTS_CA_BUNDLE",
    ),
    **dict.fromkeys(
        ("ConnectTimeout", "ConnectTimeoutError"),
        "it does not accept the connection in time: check the network policy, the firewall and HTTPS_PROXY",
    ),
    **dict.fromkeys(("ReadTimeout", "ReadTimeoutError", "TimeoutError"), "it does not respond in time: {slow}"),
    "ConnectionRefusedError": "it refuses the connection: check {settings}",
}
"""Why a server is unreachable, by the name of an exception; the first one in this order holds."""


def reason(error: BaseException, url: str = "", *, settings: str, slow: str) -> str | None:
    """Why a call failed and what to do, as the end of a sentence about its server; None if it is unknown.

    `settings` are those with the server's address, `slow` is what to do about a server that does not respond. The URL
    can be missing if the call was made with `requests`.
    """
    exceptions = [*_chain(error)]
    names = {type(each).__name__ for each in exceptions}
    url = url or next((each.request.url for each in exceptions if hasattr(each, "request") and each.request), "")
    if not names.isdisjoint(_PROXY_ERRORS):
        return proxy_reason(url, _status(exceptions))
    text = next((text for name, text in _REASONS.items() if name in names), None)
    proxy = proxy_for(url)
    listed = settings.replace(" and ", ", ")
    return text and text.format(settings=settings, listed=listed, slow=slow) + (
        f" (through the proxy {proxy.address})" if proxy else ""
    )


def proxy_reason(url: str, status: int | None) -> str:
    """Why the proxy for a URL does not connect to it: it answered with this status, or (None) not at all."""
    parts = urlsplit(url)
    variable = f"{(parts.scheme or 'https').upper()}_PROXY"
    proxy = proxy_for(url)
    name = f"the proxy {proxy.address}" if proxy else "the proxy"
    if status is None:
        return f"{name} cannot be reached: check {variable} and the network policy"
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return f"{name} requires a user and password (HTTP {status}): {CREDENTIALS_REMEDY}"
    return f"{name} does not connect (HTTP {status}): allow {parts.hostname} there, or add it to NO_PROXY"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yields an exception and those that led to it. Some libraries keep them in attributes."""
    waiting: list[object] = [error]
    seen: set[int] = set()
    while waiting:
        current = waiting.pop()
        if isinstance(current, BaseException) and id(current) not in seen:
            seen.add(id(current))
            yield current
            arguments = getattr(current, "kwargs", None)  # botocore's
            waiting += arguments.values() if isinstance(arguments, dict) else ()
            waiting += getattr(current, "exceptions", ())  # of several addresses
            waiting += [current.__cause__, current.__context__, getattr(current, "reason", None), *current.args]


def _status(exceptions: Sequence[BaseException]) -> int | None:
    """The status that a proxy answered with."""
    for each in exceptions:
        status = getattr(each, "status", None)
        if isinstance(status, int):
            return status
        if match := _TUNNEL.search(str(each)):
            return int(match[1])
    return None
