"""Speaks HTTP/1.1 within limits: size and time of heads and bodies, one request at a time, no upgrades.

A normal request costs no timer of its own: the deadlines are checked by one timer for all connections.
"""

from collections.abc import Iterator

import httptools

from lea_payments.serving.http.closing import (
    ANSWER,
    BODY,
    BODY_SECONDS,
    CLOSING,
    HEAD,
    HEAD_SECONDS,
    IDLE,
    LINGER_SECONDS,
    SHUTDOWN_BODY_SECONDS,
    UNREAD_LIMIT,
)
from lea_payments.serving.http.connections import NEVER, SMALL_BUFFER
from lea_payments.serving.http.dispatch import DispatchingProtocol

HEAD_LIMIT, HEADER_LIMIT = 32 * 1024, 100
"""In bytes, and in headers. Stripe's requests have less than 2 KiB and 20 headers."""

CHUNK_OVERHEAD_LIMIT = 64 * 1024
"""In bytes: the sizes and the trailers of a chunked body, beside eight times its content."""

CHUNK_COUNT_LIMIT = 1000
"""Chunks in a body. Each costs microseconds however small it is, so a body of 1-byte chunks would cost 0.5 s."""


class NextRequestError(Exception):
    """Stops the parser at a request that arrived before the answer to the one before it."""


class RefusedHeadError(Exception):
    """Stops the parser at a head that is not allowed."""


class RefusedBodyError(Exception):
    """Stops the parser at a body that is not allowed."""


class LimitedProtocol(DispatchingProtocol):
    """uvicorn's HTTP protocol within the limits of this module."""

    _head_size = _body_size = _chunk_size = _chunks = _heads_in_piece = 0
    _has_upgrade = False

    def data_received(self, data: bytes) -> None:
        """Parses what has arrived, or keeps it until its turn."""
        if self._stage is CLOSING:
            self._ignore(len(data))
        elif self._next_requests or self._stage is ANSWER:
            self._keep(self._next_requests + data)
        else:
            self._parse(data)

    def _parse(self, data: bytes) -> None:
        while data:
            is_head = self._stage is not BODY
            room = HEAD_LIMIT - self._head_size if is_head else len(data)
            piece, data = (data, b"") if len(data) <= room else (data[:room], data[room:])
            body_size, self._heads_in_piece = 0 if is_head else self._body_size, 0
            self._feed(piece, is_head=is_head, body_size=body_size)
            if self._stage is CLOSING:
                return
            if self._stage is ANSWER:
                self._head_size = 0
                if data or self._next_requests:
                    self._keep(self._next_requests + data)
                self._continue_exchange(is_complete=True)
                return
            if self._stage is BODY:
                self._head_size = 0
                self._chunk_size += 0 if is_head else len(piece) - (self._body_size - body_size)
                if self._chunk_size > CHUNK_OVERHEAD_LIMIT + 8 * self._body_size:
                    self._refuse(400, "invalid_http")
                    return
                if not data:
                    self._continue_exchange(is_complete=False)
            elif not is_head:
                self._head_size = 0  # the rest of a body that was answered before its end, and what follows it
            else:
                self._head_size += len(piece)
                if self._head_size >= HEAD_LIMIT or (self.headers and len(self.headers) > HEADER_LIMIT):
                    self._refuse(431, "head_too_large")
                    return

    def _feed(self, piece: bytes, *, is_head: bool, body_size: int) -> None:
        problem: type | None = None  # not the exception: it would keep this frame, and the piece, in memory
        offset = 0
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade as upgrade:
            problem, offset = type(upgrade), upgrade.args[0]
        except httptools.HttpParserCallbackError as error:
            problem = type(error.__context__)
        except httptools.HttpParserError as error:
            problem = type(error)
        if problem is None:
            return
        if problem is httptools.HttpParserUpgrade:
            self._ignore_upgrade(piece[offset:])
        elif problem is NextRequestError:
            self._split(piece, is_head=is_head, body_size=self._body_size - body_size)
        elif problem is RefusedHeadError:
            self._refuse(431, "head_too_large")
        else:
            self._refuse(400, "invalid_http")

    def on_message_begin(self) -> None:
        """Starts the time for a head."""
        if self.cycle is not None and not self.cycle.response_complete:
            raise NextRequestError
        self._begin_head()
        self._stage = HEAD
        self.deadline = self._limits.now + HEAD_SECONDS
        self._heads_in_piece += 1
        self._body_size = self._chunk_size = self._chunks = self._unread_size = 0

    def on_headers_complete(self) -> None:
        """Starts the request and the time for its body."""
        if len(self.headers) > HEADER_LIMIT:
            raise RefusedHeadError
        if self.parser.should_upgrade():
            if self.parser.get_method() == b"CONNECT":
                raise httptools.HttpParserError("CONNECT is for proxies")
            self._has_upgrade = True
            return
        is_first = self.cycle is None
        self._begin_request()
        if self._limits.is_draining:
            self._end_after_answer()
        if is_first:
            self._limits.has_request(self)
        self._stage = BODY
        self.deadline = self._limits.now + (SHUTDOWN_BODY_SECONDS if self._is_stopping else BODY_SECONDS)

    def on_chunk_header(self) -> None:
        """Counts a chunk."""
        self._chunks += 1
        if self._chunks > CHUNK_COUNT_LIMIT:
            raise RefusedBodyError

    def on_body(self, body: bytes) -> None:
        """Passes a part of the body on."""
        self._body_size += len(body)
        if self.cycle.response_complete:
            self._unread_size += len(body)
            if self._unread_size > UNREAD_LIMIT:
                self.drop("unread_body")
            return
        self._add_body(body)
        if self._body_size > SMALL_BUFFER:
            self._limits.buffer(self, self._body_size)

    def on_message_complete(self) -> None:
        """Ends the time for the body."""
        if self._has_upgrade or self._stage is not BODY:
            return
        self._end_body()
        if self._body_size > SMALL_BUFFER:
            self._limits.buffer(self, 0)
        if self.cycle.response_complete:
            self._wait_for_request()
        else:
            self._stage, self.deadline = ANSWER, NEVER

    def on_response_complete(self) -> None:
        """Continues with the next request, or waits for one."""
        self.server_state.total_requests += 1
        if self._stage is CLOSING:
            return
        if self.transport.is_closing():
            self._stage, self.deadline = CLOSING, self._limits.now + LINGER_SECONDS
            self._next_requests, self.flow.has_next_request = b"", False
            self.flow.resume_reading()
            return
        if self.flow.read_paused:
            self.flow.resume_reading()
        if self._stage is ANSWER:
            self._wait_for_request()

    def _wait_for_request(self) -> None:
        self._stage = IDLE
        self.deadline = self._limits.now + self.timeout_keep_alive
        if self._next_requests:
            self.loop.call_soon(self._continue)

    def _keep(self, data: bytes) -> None:
        """Keeps requests that arrived early, and stops reading until it is their turn."""
        if not self.cycle.keep_alive:
            return
        self._next_requests = data
        self.flow.has_next_request = True
        self.flow.pause_reading()
        self._limits.buffer(self, len(data))

    def _continue(self) -> None:
        data, self._next_requests = self._next_requests, b""
        self.flow.has_next_request = False
        if self._stage is IDLE and not self.transport.is_closing():
            self._limits.buffer(self, 0)
            self.flow.resume_reading()
            self._parse(data)

    def _split(self, piece: bytes, *, is_head: bool, body_size: int) -> None:
        """Keeps what follows the first request; its end is known unless its head came in parts or it is chunked."""
        self.parser = self._new_parser()
        is_whole = self._heads_in_piece == is_head and not (is_head and self._head_size)
        if not is_whole or any(name == b"transfer-encoding" for name, _ in self.headers):
            self.cycle.keep_alive = False  # the client sends the other requests again on another connection
            return
        start = len(piece) - len(piece.lstrip(b"\r\n"))
        head_end = piece.index(b"\r\n\r\n", start) + 4 if is_head else 0
        self._next_requests = piece[head_end + body_size :]

    def _ignore_upgrade(self, rest: bytes) -> None:
        """Reads the request again without its offer of another protocol, as RFC 9110 section 7.8 allows."""
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        lines = [b"%s %s HTTP/%s" % (method, self.url, version), *_without_upgrade(self.headers), b"", rest]
        self._has_upgrade = False
        self._head_size = self._heads_in_piece = 0
        self.parser = self._new_parser()
        self._feed(b"\r\n".join(lines), is_head=True, body_size=0)

    def _new_parser(self) -> httptools.HttpRequestParser:
        parser = httptools.HttpRequestParser(self)
        parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return parser


def _without_upgrade(headers: list[tuple[bytes, bytes]]) -> Iterator[bytes]:
    """Yields the lines of all headers, except those that belong to an upgrade."""
    for name, value in headers:
        if name == b"connection":
            tokens = [token.strip() for token in value.split(b",")]
            value = b", ".join(one for one in tokens if one.lower() not in (b"upgrade", b"http2-settings"))  # noqa: PLW2901 - the header without two of its tokens
        if name not in (b"upgrade", b"http2-settings") and (value or name != b"connection"):
            yield b"%s: %s" % (name, value)
