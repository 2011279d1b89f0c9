"""Gives orders to the process that sends the events."""

import subprocess

import msgspec
import psutil

from tests.bench.processes import BenchError
from tests.bench.sending.load import LoadResult, Order


class Sender:
    """The process that sends the events of all turns."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.cpu_process = psutil.Process(process.pid)

    def prepare(self, order: Order) -> None:
        """Makes it sign the events of a turn."""
        self._write(msgspec.json.encode(order).decode())
        if self._read_line() != "ready\n":
            raise BenchError("the sender could not prepare its events")

    def send(self) -> LoadResult:
        """Makes it send them."""
        self._write("go")
        line = self._read_line()
        if not line:
            raise BenchError("the sender stopped: the server closed a connection")
        return msgspec.json.decode(line, type=LoadResult)

    def _write(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def _read_line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()
