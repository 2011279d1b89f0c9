"""Limits the connections of a process: their number, their deadlines, and the memory of what they have sent."""

import asyncio
import resource
import time
from collections.abc import Callable
from typing import Protocol

CONNECTION_LIMIT = 1000
"""A webhook that writes thousands of events per second needs less; with 48 KiB for each, they fit into a pod. A service
whose calls wait needs more: see `Settings.connection_limit`."""

RESERVED_FILES = 128
"""Open files that connections may not use: the table, Stripe, the metrics port, secrets, and what is being closed."""

BUFFER_LIMIT = 64 * 1024 * 1024
"""In bytes, of all incomplete bodies and waiting requests together; the sender who started first loses its own."""

SMALL_BUFFER = 16 * 1024
"""In bytes. What a connection may send before it counts; Stripe's events have a few KiB."""

TICK_SECONDS = 0.25
CLOSED_TOGETHER = 32

NEW_SECONDS = 2.0
"""How long a connection without a head is new. Slow ones go before it: the heads of half bodies arrive sooner than that
of a good sender who has just connected."""

NEVER = float("inf")


class Connection(Protocol):
    """What a connection offers to the limits."""

    deadline: float

    @property
    def is_idle(self) -> bool:
        """Whether the connection waits for another request."""

    @property
    def waits_for_client(self) -> bool:
        """Whether the client has to send or to read something before anything else happens."""

    def expire(self) -> None:
        """Ends a connection whose deadline has passed."""

    def drop(self, reason: str) -> None:
        """Closes the connection at once, without an answer."""

    def drain(self) -> None:
        """Lets the next answer close the connection, and say so."""


class Connections:
    """The open connections. One timer for all of them checks their deadlines while there are any."""

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit = limit
        self._clock = clock
        self._timer: asyncio.TimerHandle | None = None
        self._open: set[Connection] = set()
        self._without_request: dict[Connection, float] = {}
        self._buffers: dict[Connection, int] = {}
        self.now = clock()
        self.buffered = 0
        self.is_draining = False
        self._drain_callbacks: set[Callable[[], None]] = set()

    def __len__(self) -> int:
        return len(self._open)

    def add(self, connection: Connection, loop: asyncio.AbstractEventLoop) -> bool:
        """Adds a connection; returns False if there is no room for it.

        At the limit, the oldest connection that has sent no head is dropped, or else the ones that are idle for
        longest, or else the oldest that wait for their clients: a real sender sends its request at once.
        """
        if self._timer is None:
            self.now = self._clock()
            self._timer = loop.call_later(TICK_SECONDS, self._tick, loop)
        if len(self._open) >= self.limit and not self._make_room():
            return False
        self._open.add(connection)
        self._without_request[connection] = self.now
        return True

    def remove(self, connection: Connection) -> None:
        """Forgets a connection."""
        self._open.discard(connection)
        self._without_request.pop(connection, None)
        self.buffer(connection, 0)

    def drain(self) -> None:
        """Lets every answer from now on close its connection, and say so."""
        self.is_draining = True
        for connection in [*self._open]:
            connection.drain()
        for callback in [*self._drain_callbacks]:
            callback()

    def when_draining(self, callback: Callable[[], None]) -> None:
        """Calls back when the drain starts, once for equal callbacks; at once if it has started."""
        if self.is_draining:
            callback()
        else:
            self._drain_callbacks.add(callback)

    def has_request(self, connection: Connection) -> None:
        """Notes that a connection has sent a complete head."""
        self._without_request.pop(connection, None)

    def buffer(self, connection: Connection, size: int) -> None:
        """Notes the bytes that a connection occupies. Drops the oldest buffers above the limit."""
        self.buffered -= self._buffers.get(connection, 0)
        if size <= SMALL_BUFFER:
            self._buffers.pop(connection, None)
            return
        self._buffers[connection] = size
        self.buffered += size
        while self.buffered > BUFFER_LIMIT:
            self._drop(next(iter(self._buffers)), "too_much_memory")

    def _make_room(self) -> bool:
        silent = next(iter(self._without_request), None)
        is_new = silent is not None and self.now - self._without_request[silent] < NEW_SECONDS
        oldest = [silent] if silent is not None else []
        if silent is None or is_new:
            waiting = sorted((one for one in self._open if one.waits_for_client), key=lambda one: one.deadline)
            idle = [one for one in waiting if one.is_idle]
            slow = [one for one in waiting if not one.is_idle]
            # Several at once, because sorting costs more than closing one.
            some_slow = slow[: 1 + len(slow) // CLOSED_TOGETHER]
            oldest = some_slow or oldest if is_new else idle[:CLOSED_TOGETHER] or some_slow
        for connection in oldest:
            self._drop(connection, "too_many_connections")
        return len(self._open) < self.limit

    def _drop(self, connection: Connection, reason: str) -> None:
        self.remove(connection)
        connection.drop(reason)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        self.now = self._clock()
        for connection in [one for one in self._open if one.deadline <= self.now]:
            connection.expire()
        self._timer = loop.call_later(TICK_SECONDS, self._tick, loop) if self._open else None


def raise_file_limit(connections: int = CONNECTION_LIMIT) -> int:
    """Raises the soft limit of open files to the hard limit; returns how many of these connections it allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = hard if hard != resource.RLIM_INFINITY else 8 * connections
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    return max(1, min(connections, files - RESERVED_FILES))
