"""Lets clients that only use plain HTTP start quickly: reading trusted certificates takes more time than a request."""

import ssl
from typing import Any

import httpx

NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts nobody. As `verify` of an HTTP client, it is read by none of its requests."""


def request(method: str, url: str, **options: Any) -> httpx.Response:
    """Sends one request, with no proxy and with up to a minute for the answer."""
    return httpx.request(method, url, **{"timeout": 60, **options}, trust_env=False, verify=NO_CERTIFICATES)


def get(url: str, **options: Any) -> httpx.Response:
    """Sends one GET request in the same way."""
    return request("GET", url, **options)
