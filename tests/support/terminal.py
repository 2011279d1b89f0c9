"""Runs a program in a terminal, and keeps what it prints."""

import fcntl
import os
import pty
import re
import signal
import struct
import termios
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread

import psutil

from tests.support.waiting import until

ROWS, COLUMNS = 24, 80


class Terminal:
    """A terminal of 80 columns in which a program runs; `echo` prints what the program prints, as it comes."""

    def __init__(self, command: Sequence[str], folder: Path, env: Mapping[str, str], *, echo: bool = False) -> None:
        self._controller, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        # A group of its own, as a shell gives it, so that Ctrl-C reaches its children and nothing else.
        self.process = psutil.Popen(
            command, cwd=folder, env=env, stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True
        )
        os.close(terminal)
        self._echo = echo
        self._output = bytearray()
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def printed(self) -> str:
        """What the program has printed."""
        return self._output.decode(errors="replace").replace("\r\n", "\n")

    def wait_for(self, pattern: str, seconds: float = 120) -> None:
        """Waits until the output matches; raises AssertionError if the program ends before."""
        until(
            lambda: re.search(pattern, self.printed) or self.process.poll() is not None or not self._reader.is_alive(),
            pattern,
            seconds,
        )
        assert re.search(pattern, self.printed), f"it did not print {pattern}, but:\n{self.printed}"

    def interrupt(self) -> None:
        """Presses Ctrl-C; harmless if the program has ended."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGINT)

    def finish(self, seconds: float = 120) -> int:
        """Waits until the program has ended and all of its output is read; returns the exit status."""
        status: int = self.process.wait(seconds)
        self._reader.join(seconds)
        os.close(self._controller)
        return status

    def _read(self) -> None:
        with suppress(OSError):  # on Linux, the end of the last program is an error
            while chunk := os.read(self._controller, 65536):
                self._output += chunk
                if self._echo:
                    print(chunk.decode(errors="replace").replace("\r\n", "\n"), end="", flush=True)
