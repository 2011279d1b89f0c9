"""Sends raw bytes to a service as a stranger does, and good deliveries beside them."""

import itertools
import socket
import threading
import time
from collections import Counter
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import httpx

from tests.support import stripe_bodies
from tests.support.examples import examples
from tests.support.plain_http import NO_CERTIFICATES
from tests.support.webhook_delivery import Delivery

PAUSE_SECONDS = examples(50, 20) / 1000
"""Between two good deliveries."""

_numbers = itertools.count(1)


def connect(url: str) -> socket.socket:
    """A connection to a service. Its time limit only ends a test that hangs."""
    return socket.create_connection(("127.0.0.1", urlsplit(url).port or 0), timeout=60)


def read_to_end(connection: socket.socket) -> bytes:
    """Everything that arrives until the service closes the connection, in whatever way."""
    received = bytearray()
    try:
        while piece := connection.recv(65_536):
            received += piece
    except ConnectionError:
        pass
    return bytes(received)


def send_until_closed(connection: socket.socket, pieces: "itertools.repeat[bytes] | list[bytes]") -> int:
    """Sends the pieces until the service closes the connection; returns the bytes that were sent."""
    sent = 0
    try:
        for piece in pieces:
            connection.sendall(piece)
            sent += len(piece)
    except OSError:
        pass
    return sent


def head(length: int, *headers: str, path: str = "/webhook/stripe") -> bytes:
    """The head of a POST request with a body of this length."""
    lines = [f"POST {path} HTTP/1.1", "Host: webhook", f"Content-Length: {length}", *headers, "", ""]
    return "\r\n".join(lines).encode()


class GoodDeliveries:
    """Sends signed deliveries, one after the other, inside a `with` block; counts their answers."""

    def __init__(self, url: str) -> None:
        self.answers: Counter[object] = Counter()
        self.slowest = 0.0
        """In seconds: the longest time from the connection to the answer."""
        self._url = url
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._end.wait(PAUSE_SECONDS):
            body = stripe_bodies.completed(f"payment_{next(_numbers)}")
            started = time.monotonic()
            try:
                with httpx.Client(base_url=self._url, timeout=30, trust_env=False, verify=NO_CERTIFICATES) as client:
                    self.answers[Delivery.of(body).to(client).status] += 1
            except httpx.HTTPError as error:
                self.answers[type(error).__name__] += 1
            self.slowest = max(self.slowest, time.monotonic() - started)
