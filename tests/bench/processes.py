"""Starts the processes of a benchmark, waits until they answer, and stops them."""

import http.client
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.support.forked import Program
from tests.support.processes import start_process

ROOT = Path(__file__).parents[2]
MODULE = (sys.executable, "-m")


class BenchError(Exception):
    """Raised when a process did not do its work, so that the measured numbers would mean nothing."""


def get(port: int, path: str) -> tuple[int, bytes]:
    """Status and body of an HTTP GET on this machine; raises OSError and HTTPException."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def cpu_of(process: psutil.Process) -> float:
    """The CPU seconds that a process has used. On Linux from its own clock: psutil's has a resolution of only 10 ms."""
    if sys.platform == "linux":
        return time.clock_gettime(~process.pid << 3 | 2)  # the value of clock_getcpuclockid(3), which Python lacks
    times = process.cpu_times()
    return times.user + times.system


def peak_mb(process: psutil.Process) -> float:
    """The peak of a process's resident memory on Linux; on other systems, its current resident memory."""
    status = Path(f"/proc/{process.pid}/status")
    if not status.exists():
        return process.memory_info().rss / 2**20
    peak = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
    assert peak is not None
    return int(peak[1]) / 1024


class Processes:
    """The processes of one benchmark, with a common environment; each has its own log file in the folder."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self._folder = folder
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        self._env = inherited | {"PYTHONPATH": str(ROOT)} | dict(env)

    @contextmanager
    def serving(
        self, name: str, command: Sequence[str], port: int, path: str, env: Mapping[str, str]
    ) -> Iterator[Program]:
        """A server that answers 200 at the path; raises BenchError if it does not start, or ends with an error."""
        log, url = self._folder / f"{name}.log", f"http://127.0.0.1:{port}"
        try:
            server = start_process(
                command, url=url, ready_at=path, log=log, folder=self._folder, env=self._env | dict(env)
            )
        except AssertionError as error:
            raise BenchError(f"{name}: {error}") from None
        try:
            yield server.process
        finally:
            status = server.stop()
        if status not in (0, -signal.SIGTERM):
            raise BenchError(f"{name} ended with {status}:\n{log.read_text(errors='replace')[-2000:]}")

    @contextmanager
    def piped(self, command: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
        """A process with pipes for its standard input and output."""
        with subprocess.Popen(
            command, env=self._env, cwd=self._folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            yield process
