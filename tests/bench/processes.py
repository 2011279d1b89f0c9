"""Starts the processes of a benchmark, waits until they answer, and stops them."""

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).parents[2]
MODULE = (sys.executable, "-m")
START_SECONDS = 30


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


class Processes:
    """The processes of one benchmark, with a common environment; each has its own log file in the folder."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self._folder = folder
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        self._env = inherited | {"PYTHONPATH": str(ROOT)} | dict(env)

    @contextmanager
    def serving(
        self, name: str, command: Sequence[str], port: int, path: str, env: Mapping[str, str]
    ) -> Iterator[subprocess.Popen[bytes]]:
        """A server that answers 200 at the path; raises BenchError if it does not start, or ends with an error."""
        log = self._folder / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command, env=self._env | dict(env), cwd=self._folder, stdout=output, stderr=subprocess.STDOUT
            )
        try:
            if not _answers(process, port, path):
                raise BenchError(f"{name} was not ready within {START_SECONDS} s:\n{_last_output(log)}")
            yield process
            process.send_signal(signal.SIGTERM)
            process.wait(30)
        finally:
            process.kill()
            process.wait()
        if process.returncode not in (0, -signal.SIGTERM):
            raise BenchError(f"{name} ended with {process.returncode}:\n{_last_output(log)}")

    @contextmanager
    def piped(self, command: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
        """A process with pipes for its standard input and output."""
        with subprocess.Popen(
            command, env=self._env, cwd=self._folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            yield process


def _answers(process: subprocess.Popen[bytes], port: int, path: str) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError, http.client.HTTPException):
            if get(port, path)[0] == 200:
                return True
        time.sleep(0.01)
    return False


def _last_output(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:]
