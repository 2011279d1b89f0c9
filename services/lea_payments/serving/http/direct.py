"""Defines a direct route, whose requests pass no ASGI app, and one exchange of a request and its answer on it."""

import time
from functools import lru_cache
from typing import Protocol

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from lea_payments.serving.body import BodyIncompleteError, BodyTooLargeError, first_header, is_declared_too_large

Headers = list[tuple[bytes, bytes]]


class DirectRoute(Protocol):
    """Receives the POST requests of some paths from the protocol's callbacks, and answers them at any time."""

    paths: frozenset[str]
    """Decoded, as in an ASGI scope."""

    body_limit: int
    """In bytes."""

    def receive(self, exchange: "Exchange", body: bytes) -> None:
        """Takes a complete request; must not raise, and answers it now or later."""

    def refuse(self, exchange: "Exchange", error: BodyTooLargeError | BodyIncompleteError) -> None:
        """Takes a request whose body is too large or ended early, instead of `receive`; must not raise."""


class Sender(Protocol):
    """What a connection offers to the exchange that is open on it."""

    def send(self, exchange: "Exchange", status: int, body: bytes, headers: bytes) -> None:
        """Sends the answer, as soon as the client reads."""

    def forget(self) -> None:
        """Notes the answer to a client that has left."""


class Exchange:
    """One request of a direct route, and its answer. It is uvicorn's `cycle` of the connection meanwhile."""

    __slots__ = (
        "_body",
        "_connection",
        "_route",
        "disconnected",
        "expects_continue",
        "headers",
        "is_open",
        "is_too_large",
        "keep_alive",
        "response_complete",
        "response_started",
        "started",
        "started_ns",
    )

    def __init__(
        self,
        route: DirectRoute,
        connection: Sender,
        headers: Headers,
        keep_alive: bool,  # noqa: FBT001 - keywords make the creation of an object slower
        expects_continue: bool,  # noqa: FBT001
    ) -> None:
        self._route = route
        self._connection = connection
        self.headers = headers
        """Names are in lower case."""
        self.keep_alive = keep_alive
        self.expects_continue = expects_continue
        self.started, self.started_ns = time.perf_counter(), time.time_ns()
        self.is_too_large = False
        self.is_open = True
        """Whether the route has neither received nor refused the request."""
        self.disconnected = self.response_started = self.response_complete = False
        self._body: bytes | bytearray = b""

    def header(self, name: bytes) -> str | None:
        """The first header with this name, which is in lower case, or None."""
        return first_header(self.headers, name)

    def answer(self, status: int, body: bytes, headers: bytes = b"") -> None:
        """Answers the request, once; does nothing if the client has left. `headers` are lines that end in CRLF."""
        if self.disconnected:
            self._connection.forget()
        elif not self.response_complete:
            self._connection.send(self, status, body, headers)

    def may_arrive(self) -> bool:
        """Whether the declared length of the body is allowed; a complete body needs no such check."""
        return not is_declared_too_large(self.headers, self._route.body_limit)

    def add(self, chunk: bytes) -> None:
        """Adds a part of the body, unless the body is too large."""
        if self.is_too_large:
            return
        if len(self._body) + len(chunk) > self._route.body_limit:
            self.is_too_large = True
            self._body = b""
        elif not self._body:
            self._body = chunk  # nearly all bodies arrive whole
        else:
            if isinstance(self._body, bytes):
                self._body = bytearray(self._body)
            self._body += chunk

    def receive(self) -> None:
        """Passes the complete request to its route."""
        self.is_open = False
        body, self._body = self._body, b""
        self._route.receive(self, bytes(body))

    def refuse(self, error: BodyTooLargeError | BodyIncompleteError) -> None:
        """Passes a request that is too large or incomplete to its route."""
        self.is_open = False
        self._body = b""
        self._route.refuse(self, error)


def answer_bytes(date: Headers, status: int, body: bytes, headers: bytes, *, closes: bool) -> bytes:
    """A whole answer whose body is JSON. `date` has uvicorn's own headers, which come first."""
    return _answer_bytes(tuple(date), status, body, headers, closes)


@lru_cache(maxsize=64)
def _answer_bytes(
    date: tuple[tuple[bytes, bytes], ...],
    status: int,
    body: bytes,
    headers: bytes,
    closes: bool,  # noqa: FBT001 - a keyword makes the look-up slower
) -> bytes:
    """Builds an answer. A route has few different ones, so each is built once a second because of the date."""
    lines = b"".join(b"%s: %s\r\n" % header for header in date)
    fixed = b"content-type: application/json\r\ncontent-length: %d\r\n" % len(body)
    end = b"connection: close\r\n\r\n" if closes else b"\r\n"
    return STATUS_LINE[status] + lines + fixed + headers + end + body
