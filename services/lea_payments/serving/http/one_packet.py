"""Sends the head and the body of an answer in one packet, where uvicorn sends two.

Each packet costs a system call and wakes the client up: it was the largest single cost of a delivery.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class OnePacketProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol on a transport that collects writes; a value for uvicorn's `http` setting."""

    transport: "CollectingTransport"

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's own signature
        """Wraps the connection's transport."""
        super().connection_made(CollectingTransport(transport, self.loop.call_soon))


class CollectingTransport(asyncio.Transport):
    """A transport that joins all writes of one iteration of the event loop; what else is used of it passes through.

    Without `__getattr__`, with which every access to any attribute would be slower.
    """

    def __init__(self, transport: asyncio.Transport, call_soon: Callable[[Callable[[], None]], object]) -> None:
        super().__init__()
        self._transport = transport
        self._call_soon = call_soon
        self._pending: list[bytes] = []
        self._has_ended = False
        self.lingers = False
        """Whether `close` ends only our side: what the client still sends would reset a closed connection."""

    def is_closing(self) -> bool:
        """Whether nothing more can be sent."""
        return self._has_ended or self._transport.is_closing()

    def write(self, data: bytes) -> None:  # type: ignore[override]  # HTTP writes bytes only
        """Sends the data at the end of this iteration."""
        if not self._pending:
            self._call_soon(self._flush)
        self._pending.append(data)

    def write_now(self, data: bytes) -> None:
        """Sends the data, after what is pending, without a wait for the end of this iteration."""
        if self._pending:
            self._pending.append(data)
            self._flush()
        elif not self._has_ended and not self._transport.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        """Sends what is pending, then closes the transport, or ends it if it lingers."""
        if self.lingers:
            self.write_eof()
        else:
            self._flush()
            self._transport.close()

    def write_eof(self) -> None:
        """Sends what is pending and then the end of the stream; the client can still send."""
        self._flush()
        if not self.is_closing():
            self._transport.write_eof()
        self._has_ended = True

    def _flush(self) -> None:
        pending, self._pending = self._pending, []
        if pending and not self.is_closing():
            self._transport.write(b"".join(pending))

    def abort(self) -> None:
        """Closes the connection at once."""
        self._transport.abort()

    def pause_reading(self) -> None:
        """Reads nothing more."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Reads on."""
        self._transport.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """What the transport knows about the connection, such as its addresses."""
        return self._transport.get_extra_info(name, default)
