"""Serves several HTTP protocols in a thread, each at a port of its own."""

import asyncio
import socket
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

import uvloop

Factory = Callable[[asyncio.AbstractEventLoop], asyncio.Protocol]


class Listeners:
    """Listens with one protocol at each of `ports`, inside a `with` block."""

    def __init__(self, *factories: Factory) -> None:
        self.ports: Sequence[int] = ()
        self._factories = factories
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        self.ports = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _listen(self) -> Sequence[int]:
        return [await self._port_of(factory) for factory in self._factories]

    async def _port_of(self, factory: Factory) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        await self._loop.create_server(lambda: factory(self._loop), sock=listener)
        return int(listener.getsockname()[1])
