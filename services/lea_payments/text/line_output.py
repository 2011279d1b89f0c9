"""Writes lines of text to a file descriptor without ever waiting for its reader."""

import asyncio
import errno
import os
import select
import stat
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Self

BUFFER_LIMIT = 1024 * 1024
"""In bytes, of the lines that wait for their reader: about 4,000 lines."""

PIECE = select.PIPE_BUF
"""In bytes: as much as a pipe that is ready accepts at once."""

MUCH = 64 * 1024
"""In bytes: as much as a pipe has room for. So many lines do not wait for the next write."""

WRITE_SECONDS, CLOSE_SECONDS = 0.1, 1.0
NEWLINE = ord("\n")


class LineOutput:
    """Writes lines to a file descriptor and never waits for it: a line that cannot be written is dropped and counted.

    A line after a pause goes out with the others of its iteration of the event loop; those of a burst wait for the next
    write, unless they are many or one is an error. While nobody reads, up to `BUFFER_LIMIT` bytes wait and are tried
    again. `descriptor` is None if standard output is closed.
    """

    def __init__(self, descriptor: int | None, on_dropped: Callable[[int], object]) -> None:
        self._descriptor = None if descriptor is None else _without_waiting(descriptor)
        self._is_file = descriptor is not None and stat.S_ISREG(os.fstat(descriptor).st_mode)
        self._poll = select.poll()
        if self._descriptor is not None:
            self._poll.register(self._descriptor, select.POLLOUT)
        self._on_dropped = on_dropped
        self._lock = threading.Lock()
        self._pending = bytearray()
        self._is_inside_line = False
        self._scheduled_in: asyncio.AbstractEventLoop | None = None
        self._next_at = 0.0

    def __call__(self, *_: object) -> Self:
        """This object, which is structlog's factory of loggers too."""
        return self

    def msg(self, line: bytes) -> None:
        """Writes one line soon, or at once if no loop is running or if many lines wait."""
        self._add(line)
        if len(self._pending) >= MUCH:
            self.flush()
        # A loop that has ended never writes what it was to write. To ask for the current loop costs a system call.
        if self._scheduled_in is None or not self._scheduled_in.is_running():
            try:
                self._schedule(asyncio.get_running_loop())
            except RuntimeError:
                self.flush()

    def error(self, line: bytes) -> None:
        """Writes one line, and all that wait, at once: after an error the process may end."""
        self.msg(line)
        self.flush()

    debug = info = warning = msg
    critical = error

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        self._scheduled_in = loop
        pause = self._next_at - time.monotonic()
        call = partial(loop.call_later, pause) if pause > 0 else loop.call_soon
        call(self._flush_in_loop, loop)

    def _add(self, line: bytes) -> None:
        with self._lock:
            has_room = len(self._pending) + len(line) < BUFFER_LIMIT
            if has_room:
                if self._is_inside_line and not self._pending:
                    self._pending += b"\n"  # the last write ended in the middle of a line whose rest was dropped
                self._pending += line
                self._pending += b"\n"
        if not has_room:
            self._on_dropped(1)

    def flush(self) -> bool:
        """Writes what can be written without waiting; returns whether nothing is left."""
        with self._lock:
            dropped = self._write()
            is_empty = not self._pending
        if dropped:
            self._on_dropped(dropped)
        return is_empty

    def close(self) -> None:
        """Waits a short time for a slow reader, at the end of the process."""
        deadline = time.monotonic() + CLOSE_SECONDS
        while not self.flush() and time.monotonic() < deadline:
            self._poll.poll(50)

    def _flush_in_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        is_empty = self.flush()
        self._next_at = time.monotonic() + WRITE_SECONDS
        self._scheduled_in = None
        if not is_empty:
            self._schedule(loop)

    def _write(self) -> int:
        """Writes for as long as the descriptor accepts data; returns the number of lines that it will never accept."""
        try:
            while self._pending and self._is_ready():
                size = os.write(self._open_descriptor(), self._pending[:PIECE])
                self._is_inside_line = self._pending[size - 1] != NEWLINE
                del self._pending[:size]
        except BlockingIOError:
            return 0
        except OSError:  # it is closed, its reader is gone, or the disk is full
            dropped = self._pending.count(b"\n") - self._pending.startswith(b"\n")
            self._pending.clear()
            return dropped
        return 0

    def _is_ready(self) -> bool:
        return self._is_file or self._descriptor is None or bool(self._poll.poll(0))

    def _open_descriptor(self) -> int:
        if self._descriptor is None:
            raise OSError(errno.EBADF, "standard output is closed")
        return self._descriptor


def _without_waiting(descriptor: int) -> int:
    """A descriptor of the same terminal that never waits. A pipe that is ready accepts a whole piece at once."""
    try:
        return os.open(os.ttyname(descriptor), os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError:
        return descriptor
