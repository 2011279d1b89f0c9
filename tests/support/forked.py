"""Starts our programs as processes, forked from one that has imported them."""

import atexit
import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Protocol
from uuid import uuid4

from tests.support import fork_server

PREPARED = ("PYTHONUNBUFFERED", "PYTHONWARNINGS")
"""The interpreter's variables that a child can adopt after the interpreter's start."""

PROGRAMS = ("lea_demo", "lea_payments", "lea_payments.commands.release", "stripe_emulator")

SHARED = "TEST_FORK_SERVER"
"""The variable with the name of a running fork server."""

READ_AT_START = ("FORCE_COLOR", "GITHUB_ACTIONS", "LANG", "LC_", "NO_COLOR", "PY_COLORS", "PYTHON", "TERM")
"""The start of the names of variables that the interpreter and imported packages read only once."""


class Program(Protocol):
    """A process, as `subprocess.Popen` describes it."""

    pid: int

    def poll(self) -> int | None:
        """The exit status, or None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Waits for its end; raises TimeoutExpired."""

    def send_signal(self, sig: int) -> None:
        """Sends a signal unless it has ended."""

    def kill(self) -> None:
        """Kills it."""


def can_fork(command: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Whether the command is `python -m` with one of our programs, and no variable had to be there at its start."""
    if sys.platform != "linux":  # other systems lack the sockets that the fork server needs
        return False
    ours = [*command[:2]] == [sys.executable, "-m"] and command[2] in PROGRAMS
    return ours and not any(name.startswith(READ_AT_START) and name not in PREPARED for name in environment)


class ForkedProgram:
    """A process that the fork server has started."""

    def __init__(self, args: Sequence[str], pid: int, status: int) -> None:
        self.args, self.pid, self._status = args, pid, status
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit status, or None while it runs."""
        return self._read(0)

    def wait(self, timeout: float | None = None) -> int:
        """Waits for its end; raises TimeoutExpired."""
        status = self._read(timeout)
        if status is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return status

    def send_signal(self, sig: int) -> None:
        """Sends a signal unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, sig)

    def kill(self) -> None:
        """Kills it."""
        self.send_signal(signal.SIGKILL)

    def _read(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._status], [], [], timeout)[0]:
            self.returncode = int.from_bytes(os.read(self._status, 8), signed=True)
            os.close(self._status)
        return self.returncode


class ForkServer:
    """A connection to the process that forks. What it has started ends with it.

    Without the name of a running one it starts one, which ends with this connection.
    """

    def __init__(self, name: str = "") -> None:
        self.name = name or f"lea-tests-{uuid4()}"
        self._address = f"\0{self.name}"
        self._lock = threading.Lock()
        self._control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._process = None if name else self._start_process()
        if name:
            self._control.connect(self._address)

    def _start_process(self) -> "subprocess.Popen[bytes]":
        """Starts it, with this connection as its first."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(self._address)
            listener.listen()
            self._control.connect(self._address)
            command = [sys.executable, "-P", fork_server.__file__, str(listener.fileno())]
            environment = {name: os.environ[name] for name in ("PATH", "HOME", "TZ") if name in os.environ}
            return subprocess.Popen(command, pass_fds=[listener.fileno()], stdin=subprocess.DEVNULL, env=environment)

    def start(
        self, command: Sequence[str], environment: Mapping[str, str], folder: Path, streams: Sequence[int]
    ) -> ForkedProgram:
        """Starts `python -m …` with these standard streams."""
        module, *arguments = command[2:]
        request = fork_server.Request(module, arguments, dict(environment), str(folder))
        read, write = os.pipe()
        with self._lock:
            socket.send_fds(self._control, [json.dumps(request).encode()], [*streams, write])
            os.close(write)
            pid = int.from_bytes(self._control.recv(8))
        return ForkedProgram(command, pid, read)

    def close(self) -> None:
        """Ends what this connection has started, and the process if this one has started it."""
        self._control.close()
        if self._process is not None:
            self._process.wait()


@functools.cache
def shared() -> ForkServer:
    """The fork server of this process: that of the whole run if the tests run in several processes."""
    server = ForkServer(os.environ.get(SHARED, ""))
    atexit.register(server.close)
    return server


def start(
    command: Sequence[str], environment: Mapping[str, str] | None, folder: Path, streams: Sequence[int]
) -> Program:
    """Starts a program with these descriptors as its standard streams; forks it if that makes no difference."""
    if can_fork(command, environment or os.environ):
        return shared().start(command, environment or os.environ, folder, streams)
    return start_new(command, environment, folder, streams)


def start_new(
    command: Sequence[str], environment: Mapping[str, str] | None, folder: Path, streams: Sequence[int]
) -> Program:
    """Starts a program with these descriptors as its standard streams."""
    stdin, stdout, stderr = streams
    return subprocess.Popen(command, cwd=folder, env=environment, stdin=stdin, stdout=stdout, stderr=stderr)


def run(
    command: Sequence[str], *, env: Mapping[str, str], folder: Path, text: str | None = None
) -> "subprocess.CompletedProcess[str]":
    """Runs a program until it ends, with `text` as its input."""
    with TemporaryFile() as stdin, TemporaryFile() as stdout, TemporaryFile() as stderr:
        stdin.write((text or "").encode())
        stdin.seek(0)
        streams = [file.fileno() for file in (stdin, stdout, stderr)]
        status = start(command, env, folder, streams).wait(120)
        return subprocess.CompletedProcess(command, status, _text(stdout), _text(stderr))


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()
