"""uvicorn's HTTP with the head and the body of an answer in one packet, where uvicorn sends two; knows no route.

Each packet is a call of the kernel's and wakes the reader up: of all that one delivery costs it was the dearest part.
"""

import asyncio
from collections.abc import Callable
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class OnePacket(HttpToolsProtocol):
    """A class for uvicorn's `http` setting."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Puts itself between uvicorn and the socket."""
        super().connection_made(cast("asyncio.Transport", _Gathered(transport, self.loop.call_soon)))


class _Gathered:
    """A transport that sends what is written in one turn of the event loop in one go, and else is the one it has."""

    def __init__(self, transport: asyncio.Transport, call_soon: Callable[[Callable[[], None]], object]) -> None:
        self._transport = transport
        self._call_soon = call_soon
        self._waiting: list[bytes] = []

    def write(self, data: bytes) -> None:
        if not self._waiting:
            self._call_soon(self._send)
        self._waiting.append(data)

    def close(self) -> None:
        self._send()
        self._transport.close()

    def _send(self) -> None:
        waiting, self._waiting = self._waiting, []
        if waiting and not self._transport.is_closing():
            self._transport.write(b"".join(waiting))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
