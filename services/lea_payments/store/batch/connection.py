"""Speaks HTTP/1.1 on one connection: one request at a time, each with one response.

The parser is httptools, as in uvicorn. Headers are not read: the body's end and whether the connection stays open are
all that matters, and the parser knows both. A checksum is not compared: TLS protects the bytes on their way, a body
that is cut off is found by its length, and half of a JSON document is no JSON document.
"""

import asyncio
from typing import Protocol, cast

import httptools
import msgspec
from botocore.exceptions import BotoCoreError, ConnectionClosedError, HTTPClientError

HEAD_LIMIT = 64 * 1024
"""In bytes. The head of a response of DynamoDB has less than 500."""

BODY_LIMIT = 16 * 1024 * 1024
"""In bytes. DynamoDB never returns more in one response (API reference of BatchGetItem)."""


class Response(msgspec.Struct, frozen=True, gc=False):
    """A complete response."""

    status: int
    content: bytes


class Owner(Protocol):
    """Who is told how requests end. `is_reusable` says whether another request can follow."""

    def answered(self, connection: "Connection", response: Response, *, is_reusable: bool) -> None:
        """The response has arrived."""

    def failed(self, connection: "Connection", error: BotoCoreError | None) -> None:
        """The connection is of no use any more; with an error if a response was awaited."""


class Connection(asyncio.Protocol):
    """One connection. `used_until` is when it has been idle for too long, in the loop's time."""

    used_until = 0.0
    generation = 0

    def __init__(self, owner: Owner, url: str) -> None:
        self._owner, self._url = owner, url
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._is_waiting = self._is_complete = self._is_reusable = self._has_head = False
        self._head = b""
        self._body: list[bytes] = []
        self._size = self._status = 0

    @property
    def is_usable(self) -> bool:
        """Whether a request can be sent."""
        return self._transport is not None and not self._transport.is_closing()

    def send(self, request: bytes) -> None:
        """Sends a request. The response before it must have been complete."""
        assert self._transport is not None
        self._is_waiting, self._is_complete, self._has_head = True, False, False
        self._head, self._body, self._size = b"", [], 0
        self._transport.write(request)

    def abort(self) -> None:
        """Closes the connection at once. The owner hears nothing of it any more."""
        self._is_waiting, transport = False, self._transport
        if transport is not None:
            self._transport = None
            transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's class is not a subclass of it

    def data_received(self, data: bytes) -> None:
        """Parses a part of the response."""
        if not self._is_waiting:
            self._fail(None)  # nothing was asked for, so it would be taken for the next response
            return
        if not self._has_head:
            self._head += data
        problem: Exception | None = None
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            problem = error
        if self._is_complete:
            self._finish(is_reusable=self._is_reusable and problem is None)
        elif problem is not None:
            self._fail(HTTPClientError(error=problem))
        elif self._size > BODY_LIMIT or (not self._has_head and len(self._head) > HEAD_LIMIT):
            self._fail(HTTPClientError(error=ValueError("the response is too large to be one of DynamoDB")))

    def on_message_begin(self) -> None:
        """Notices data after the end of the response."""
        self._is_reusable = not self._is_complete

    def on_headers_complete(self) -> None:
        """Ends the head."""
        self._has_head = True

    def on_body(self, body: bytes) -> None:
        """Keeps a part of the body."""
        if not self._is_complete:
            self._body.append(body)
            self._size += len(body)

    def on_message_complete(self) -> None:
        """Ends the response, unless it is one like 100 Continue: another one follows it."""
        if self._is_complete:
            return
        self._status = self._parser.get_status_code()
        self._is_complete = self._status >= 200
        if self._is_complete:
            self._is_reusable = self._parser.should_keep_alive()
        else:
            self._has_head = False

    def eof_received(self) -> None:
        """Ends a response without a length."""
        if self._is_waiting and self._has_head and _ends_with_connection(self._head):
            self._status = self._parser.get_status_code()
            self._finish(is_reusable=False)

    def connection_lost(self, error: Exception | None) -> None:
        """Fails the request that waits for its response."""
        self._fail(ConnectionClosedError(endpoint_url=self._url, error=error))

    def _finish(self, *, is_reusable: bool) -> None:
        self._is_waiting = False
        body = self._body
        response = Response(self._status, body[0] if len(body) == 1 else b"".join(body))
        transport = self._transport
        # An early answer leaves a part of the request unsent.
        is_reusable = is_reusable and transport is not None and not transport.get_write_buffer_size()
        self._owner.answered(self, response, is_reusable=is_reusable)

    def _fail(self, error: BotoCoreError | None) -> None:
        if self._transport is None:
            return
        was_waiting = self._is_waiting
        self.abort()
        self._owner.failed(self, error if was_waiting else None)


class _Framing:
    """Reads from a head how the body of its response ends."""

    has_length = False

    def on_message_begin(self) -> None:
        """Forgets the head of a response like 100 Continue."""
        self.has_length = False

    def on_header(self, name: bytes, _: bytes) -> None:
        """Notices the two headers with which a body has an end of its own (RFC 9112, section 6.3)."""
        self.has_length |= name.lower() in (b"content-length", b"transfer-encoding")


def _ends_with_connection(head: bytes) -> bool:
    framing = _Framing()
    httptools.HttpResponseParser(framing).feed_data(head)
    return not framing.has_length
