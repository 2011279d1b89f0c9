"""Serves several HTTP protocols in a thread, each at a port of its own."""

import asyncio
import socket
import threading
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Self

import uvloop

Factory = Callable[[asyncio.AbstractEventLoop], asyncio.Protocol]


class Listeners:
    """Listens with one protocol at each of `ports`, inside a `with` block."""

    def __init__(self, *factories: Factory) -> None:
        self._factories = factories
        self._sockets = [socket.create_server(("127.0.0.1", 0)) for _ in factories]
        self.ports = [int(listener.getsockname()[1]) for listener in self._sockets]
        self._end: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=lambda: uvloop.run(self._serve()), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._loop and self._end:
            self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    async def _serve(self) -> None:
        loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        servers = [
            await loop.create_server(partial(factory, loop), sock=listener)
            for factory, listener in zip(self._factories, self._sockets, strict=True)
        ]
        self._loop = loop
        await self._end.wait()
        for server in servers:
            server.close()
            await server.wait_closed()
