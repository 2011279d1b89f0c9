"""Gives the requests of a direct route to it, and all others to uvicorn.

uvicorn creates a scope, a cycle and a task for each request, and an app awaits messages in between: with its answer, a
request costs 21 to 25 µs of CPU. On a direct route it costs 14 to 15 µs, of which 8 to 10 µs are the parser and the
system calls. Measured on 27 November 2026, with one connection and with 32.
"""

import asyncio
from typing import Any, cast
from urllib.parse import unquote

import httptools
from uvicorn.config import Config
from uvicorn.server import ServerState

from lea_payments.serving.body import BodyIncompleteError, BodyTooLargeError
from lea_payments.serving.http.closing import ClosingProtocol
from lea_payments.serving.http.connections import Connections
from lea_payments.serving.http.direct import DirectRoute, Exchange, answer_bytes

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class DispatchingProtocol(ClosingProtocol):
    """A connection whose requests are exchanges of the direct route if there is one, or else uvicorn's.

    Measured with a route that answers at once, in µs of CPU per request with 32 connections and with one: the scope,
    the task and the messages of an ASGI app cost 22 and 24, an exchange 13 and 15, httptools alone 8 and 12.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        limits: Connections,
        direct: DirectRoute | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop, limits=limits)
        self._direct = direct
        self._exchange: Exchange | None = None
        self._waiting_answer: tuple[Exchange, int, bytes, bytes] | None = None
        self._answer_after_end: asyncio.Future[None] | None = None

    # Not named as the parser's callbacks, so that the callbacks of a direct request need no `super()`.

    def _begin_head(self) -> None:
        """Starts a head; uvicorn's scope is created after it, if it is needed."""
        self.url = b""
        self.headers = []
        self.expect_100_continue = False

    def _begin_request(self) -> None:
        """Starts the request: an exchange, or uvicorn's cycle."""
        if self._direct is None or not self._is_of(self._direct):
            self._start_request_of_uvicorn()
            self._exchange = None
            return
        is_1_0 = self.parser.get_http_version() == "1.0"
        self._exchange = Exchange(
            self._direct,
            self,
            self.headers,
            not is_1_0 and self.parser.should_keep_alive(),
            self.expect_100_continue,
        )
        self.cycle = self._exchange  # type: ignore[assignment]  # it has what uvicorn's protocol uses of a cycle

    def _is_of(self, route: DirectRoute) -> bool:
        if self.parser.get_method() != b"POST":
            return False
        if self.url.decode("latin-1") in route.paths:
            return True
        path = httptools.parse_url(self.url).path
        return path is not None and unquote(path.decode("ascii")) in route.paths

    def _start_request_of_uvicorn(self) -> None:
        url, headers, expects_continue = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects_continue
        self.headers.extend(headers)
        super().on_headers_complete()

    def _add_body(self, body: bytes) -> None:
        """Adds a part of the body to its request."""
        if self._exchange is None:
            super().on_body(body)
        else:
            self._exchange.add(body)

    def _end_body(self) -> None:
        """Ends the body."""
        if self._exchange is None:
            super().on_message_complete()

    def _continue_exchange(self, *, is_complete: bool) -> None:
        """Passes on a complete or too large request; runs outside the parser, which an answer can replace."""
        exchange = self._exchange
        if exchange is None or not exchange.is_open:
            return
        if exchange.expects_continue and exchange.may_arrive():
            self.transport.write(CONTINUE)
        exchange.expects_continue = False
        if exchange.is_too_large or not (is_complete or exchange.may_arrive()):
            exchange.refuse(BodyTooLargeError())
        elif is_complete:
            exchange.receive()

    def send(self, exchange: Exchange, status: int, body: bytes, headers: bytes) -> None:
        """Sends an answer, or keeps it until the client reads what it already has."""
        if self.flow.write_paused:
            self._waiting_answer = (exchange, status, body, headers)
            return
        exchange.response_started = exchange.response_complete = True
        closes = not exchange.keep_alive
        answer = answer_bytes(self.server_state.default_headers, status, body, headers, closes=closes)
        self.transport.write_now(answer)
        if closes:
            self.transport.close()
        self.on_response_complete()

    def forget(self) -> None:
        """Lets a shutdown no longer wait for the answer to a client that has left."""
        if self._answer_after_end is not None:
            self.tasks.discard(cast("asyncio.Task[None]", self._answer_after_end))

    def resume_writing(self) -> None:
        """Sends the answer that waits."""
        super().resume_writing()
        waiting, self._waiting_answer = self._waiting_answer, None
        if waiting is not None:
            self.send(*waiting)

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends the exchange: the route learns that an incomplete body has no rest."""
        if self._exchange is not None:
            if not self._exchange.response_complete:
                self._leave_request()
            self._exchange = None
            self.cycle = None  # type: ignore[assignment]  # as in uvicorn before the first request
        super().connection_lost(exc)

    def _leave_request(self) -> None:
        exchange = self._exchange
        if exchange is None:
            super()._leave_request()
            return
        if exchange.disconnected:
            return
        exchange.disconnected = True
        waiting, self._waiting_answer = self._waiting_answer, None
        if exchange.is_open:
            exchange.refuse(BodyIncompleteError())
        elif waiting is None:
            # A shutdown waits for the answer, as it would for the task of an app.
            self._answer_after_end = self.loop.create_future()
            self.tasks.add(cast("asyncio.Task[None]", self._answer_after_end))
