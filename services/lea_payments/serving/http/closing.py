"""Ends connections: at their deadlines, at the limits of a process, and at shutdown."""

import asyncio
from collections.abc import Mapping
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE
from uvicorn.server import ServerState

from lea_payments.serving.http.connections import NEVER, Connections
from lea_payments.serving.http.one_packet import OnePacketProtocol
from lea_payments.telemetry.connections import connection_closed

HEAD_SECONDS, BODY_SECONDS, READ_SECONDS = 10, 20, 20
"""For the whole head, for the whole body, and for a pause of a client that reads its answer."""

SHUTDOWN_BODY_SECONDS = 2
"""For the rest of a body after SIGTERM."""

LINGER_SECONDS, UNREAD_LIMIT = 2, 1024 * 1024
"""How long and how much is read and ignored after an answer: a connection closed at once could lose the answer."""

HEAD, BODY, ANSWER, IDLE, CLOSING = "head", "body", "answer", "idle", "closing"
"""The stages of a connection: what it waits for."""

MESSAGES: Mapping[int, str] = {
    400: "Invalid HTTP request received.",
    408: "The request took too long.",
    431: "The head of the request is too large.",
    503: "The service is stopping; send the request again.",
}


class HeldFlow(FlowControl):
    """Flow control that reads nothing while a request waits for its turn."""

    has_next_request = False

    def resume_reading(self) -> None:
        """Reads on, unless a request waits."""
        if not self.has_next_request:
            super().resume_reading()


class ClosingProtocol(OnePacketProtocol):
    """A connection with a stage and a deadline; `limits` belong to the whole process."""

    flow: HeldFlow

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        limits: Connections,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._limits = limits
        self._stage = HEAD
        self.deadline = NEVER
        self._unread_size = 0
        self._next_requests = b""
        self._is_stalled = self._is_stopping = False

    @property
    def is_idle(self) -> bool:
        """Whether the connection waits for another request."""
        return self._stage is IDLE

    @property
    def waits_for_client(self) -> bool:
        """Whether the rest of a request is missing, or the client does not read its answer."""
        return self._stage is not ANSWER or self._is_stalled

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's own signature
        """Starts the time for the first head, or refuses the connection."""
        super().connection_made(transport)
        self.flow = HeldFlow(self.transport)
        has_room = self._limits.add(self, self.loop)
        self.deadline = self._limits.now + HEAD_SECONDS
        if not has_room:
            self.drop("too_many_connections")

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets the connection."""
        self._limits.remove(self)
        self._next_requests = b""
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Starts the time for a client that does not read."""
        super().pause_writing()
        self._is_stalled = True
        self.deadline = min(self.deadline, self._limits.now + READ_SECONDS)

    def resume_writing(self) -> None:
        """Ends that time."""
        super().resume_writing()
        self._is_stalled = False
        if self._stage is not CLOSING:
            self.deadline = NEVER if self._stage is ANSWER else self._limits.now + BODY_SECONDS

    def expire(self) -> None:
        """Ends a connection whose time is over."""
        if self._stage is CLOSING:
            self.transport.abort()
        elif self._is_stalled:
            self.drop("slow_reader")
        elif self._stage is BODY and not self.cycle.response_complete:
            self._refuse(*((503, "shutdown") if self._is_stopping else (408, "body_timeout")))
        elif self._stage is HEAD:
            self._refuse(408, "head_timeout")
        else:
            self._close()

    def drop(self, reason: str) -> None:
        """Closes the connection at once, without an answer."""
        connection_closed(reason)
        self._disconnect()
        self.transport.abort()

    def drain(self) -> None:
        """Lets the answer say that it closes the connection; if its head is sent, the next answer says it."""
        if self._stage in (BODY, ANSWER) and not self.cycle.response_started:
            self._end_after_answer()

    def _end_after_answer(self) -> None:
        """The client may be sending: our side of the connection ends first, so that it receives the answer."""
        self.cycle.keep_alive = False
        self.transport.lingers = True

    def shutdown(self) -> None:
        """Ends the connection after its request; a body that is not complete has 2 s more."""
        self._is_stopping = True
        self._next_requests = b""
        if self._stage is BODY and not self.cycle.response_complete:
            self._end_after_answer()
            self.deadline = min(self.deadline, self._limits.now + SHUTDOWN_BODY_SECONDS)
        elif self._stage is ANSWER:
            self._end_after_answer()
        else:
            self._close()

    def _close(self) -> None:
        self._stage, self.deadline = CLOSING, self._limits.now + LINGER_SECONDS
        self.transport.close()

    def _refuse(self, status: int, reason: str) -> None:
        """Answers with an error unless an answer has begun, and reads a little more so that the answer arrives."""
        connection_closed(reason)
        has_answer = self._stage in (BODY, ANSWER) and self.cycle.response_started
        self._disconnect()
        if has_answer:
            self.transport.abort()
            return
        message = MESSAGES[status].encode()
        head = b"%scontent-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
        self.transport.write(head % (STATUS_LINE[status], len(message)) + message)
        self.transport.write_eof()
        self.flow.has_next_request = False
        self.flow.resume_reading()

    def _disconnect(self) -> None:
        """Tells the app that no more of its request arrives."""
        self._stage, self.deadline = CLOSING, self._limits.now + LINGER_SECONDS
        self._unread_size = 0
        self._next_requests = b""
        if self.cycle is not None and not self.cycle.response_complete:
            self._leave_request()

    def _leave_request(self) -> None:
        self.cycle.disconnected = True
        self.cycle.message_event.set()

    def _ignore(self, size: int) -> None:
        self._unread_size += size
        if self._unread_size > UNREAD_LIMIT:
            self.transport.abort()
