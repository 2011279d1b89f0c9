"""Starts processes with one environment, sees that they answer, and ends them in order; knows nothing of costs."""

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


class Wrong(Exception):  # noqa: N818 - it is a verdict, not an accident
    """Raised when a process did not do its work; a number measured then means nothing."""


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
    """Processes of one benchmark; each writes to a file of its own in the folder."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self._folder = folder
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        self._env = kept | {"PYTHONPATH": str(ROOT)} | dict(env)

    @contextmanager
    def serving(
        self, name: str, command: Sequence[str], port: int, path: str, env: Mapping[str, str]
    ) -> Iterator[subprocess.Popen[bytes]]:
        """A server, from its first 200 at the path; raises Wrong when it does not come up or ends badly."""
        log = self._folder / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command, env=self._env | dict(env), cwd=self._folder, stdout=output, stderr=subprocess.STDOUT
            )
        try:
            if not _answers(process, port, path):
                raise Wrong(f"{name} was not ready within {START_SECONDS} s:\n{_end_of(log)}")
            yield process
            process.send_signal(signal.SIGTERM)
            process.wait(30)
        finally:
            process.kill()
            process.wait()
        if process.returncode not in (0, -signal.SIGTERM):
            raise Wrong(f"{name} ended with {process.returncode}:\n{_end_of(log)}")

    @contextmanager
    def talking(self, command: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
        """A process that is told a line and says one."""
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


def _end_of(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:]
