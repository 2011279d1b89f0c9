"""Lets clients that only use plain HTTP start quickly: reading trusted certificates takes more time than a request."""

import ssl
import threading
from typing import Any

import httpx

NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts nobody. As `verify` of an HTTP client, it is read by none of its requests."""


class TransportPerThread(httpx.BaseTransport):
    """Gives each thread connections of its own.

    The pool of httpcore 1.x closes an idle connection that is readable. A second thread can look between the moment in
    which the first one sends its request and the moment in which its response is there, and closes that connection.
    """

    def __init__(self) -> None:
        self._own = threading.local()
        self._all: list[httpx.HTTPTransport] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Sends the request over a connection of this thread."""
        if not hasattr(self._own, "transport"):
            self._own.transport = httpx.HTTPTransport(verify=NO_CERTIFICATES, trust_env=False)
            self._all.append(self._own.transport)
        response: httpx.Response = self._own.transport.handle_request(request)
        return response

    def close(self) -> None:
        """Closes the connections of all threads."""
        for transport in self._all:
            transport.close()


def client(url: str, **options: Any) -> httpx.Client:
    """A client of one service, which several threads can share, with no proxy and 30 s for each step of an answer."""
    return httpx.Client(base_url=url, transport=TransportPerThread(), **{"timeout": 30, **options}, trust_env=False)


def request(method: str, url: str, **options: Any) -> httpx.Response:
    """Sends one request, with no proxy and with up to a minute for the answer."""
    return httpx.request(method, url, **{"timeout": 60, **options}, trust_env=False, verify=NO_CERTIFICATES)


def get(url: str, **options: Any) -> httpx.Response:
    """Sends one GET request in the same way."""
    return request("GET", url, **options)
