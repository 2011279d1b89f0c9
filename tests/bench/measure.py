"""Starts the processes, drives one round through a server and reads what it cost; compares nothing."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import msgspec
import psutil

from tests.bench.backends import Report
from tests.bench.load import Sent, payment_ids

ROOT = Path(__file__).parents[2]
START_SECONDS = 30
EXPORT_SECONDS = 1.0
"""After a round, before its cost is read: by then the last spans are exported, which is part of the cost."""

SECRET = "whsec_" + "benchmark" * 4
MODULE = (sys.executable, "-m")


class Wrong(Exception):  # noqa: N818 - it is a verdict, not an accident
    """Raised when a server did not do its work; a number measured then means nothing."""


class Ports(NamedTuple):
    """Where everything listens."""

    dynamodb: int
    collector: int
    server: int
    metrics: int


class Candidate(NamedTuple):
    """A server under test; `env` goes over what all are given.

    `counts` says that it shows our metrics, which must agree with what was sent; `traces`, that it exports spans.
    """

    name: str
    command: Sequence[str]
    counts: bool
    traces: bool = True
    env: tuple[tuple[str, str], ...] = ()


class Round(NamedTuple):
    """One round of one server; `backends_share` and `sender_share` are parts of one core."""

    ready_seconds: float
    cpu_us: float
    events_per_second: float
    milliseconds: Sequence[float]
    peak_mb: float
    spans: int
    calls: int
    backends_share: float
    sender_share: float


def free_ports() -> Ports:
    """Ports that nobody listens on."""
    with ExitStack() as stack:
        servers = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in Ports._fields]
        return Ports(*(server.getsockname()[1] for server in servers))


def environment(ports: Ports, sampling: float) -> dict[str, str]:
    """What every process is given, the same for both servers."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return kept | {
        "PYTHONPATH": str(ROOT),
        "HOST": "127.0.0.1",
        "PORT": str(ports.server),
        "METRICS_PORT": str(ports.metrics),
        "STRIPE_WEBHOOK_SECRET": SECRET,
        "DDB_ENDPOINT": f"http://127.0.0.1:{ports.dynamodb}",
        "DYNAMODB_PAYMENTS_TABLE": "lea-payments-local",
        "AWS_REGION": "ap-southeast-1",
        "AWS_DEFAULT_REGION": "ap-southeast-1",
        "AWS_ACCESS_KEY_ID": "benchmark",
        "AWS_SECRET_ACCESS_KEY": "benchmark",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{ports.collector}",
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": str(sampling),
        "OTEL_BSP_SCHEDULE_DELAY": "500",
    }


class Bench:
    """The processes behind and before the server under test, and one round of it at a time."""

    def __init__(self, folder: Path, connections: int, events: int, warm_up: int, sampling: float) -> None:
        self._folder = folder
        self._connections = connections
        self._events = events
        self._warm_up = warm_up
        self._ports = free_ports()
        self._environment = environment(self._ports, sampling)

    @contextmanager
    def backends(self) -> Iterator[None]:
        """DynamoDB and the collector, for all the rounds."""
        ports = str(self._ports.dynamodb), str(self._ports.collector)
        with self._running((*MODULE, "tests.bench.backends", *ports)) as process:
            self._wait_for(process, self._ports.dynamodb, "/report")
            self._backends = psutil.Process(process.pid)
            yield

    def round(self, candidate: Candidate) -> Round:
        """Starts the server, warms it up, sends the events, checks that each had its effect."""
        spawned = time.monotonic()
        with self._running(candidate.command, dict(candidate.env)) as process:
            self._wait_for(process, self._ports.server, "/readyz")
            ready_seconds = time.monotonic() - spawned
            with self._sender(self._warm_up, "warm") as sender:
                _send(sender)
            time.sleep(EXPORT_SECONDS)
            _report(self._ports)
            with self._sender(self._events, "pay") as sender:
                processes = psutil.Process(process.pid), self._backends, psutil.Process(sender.pid)
                before = [_cpu(each) for each in processes]
                sent = _send(sender)
                after = [_cpu(each) for each in processes]
            time.sleep(EXPORT_SECONDS)
            used = _cpu(processes[0]) - before[0]
            peak = _peak_mb(processes[0])
            report = _report(self._ports)
            _check(sent, report, self._events, candidate.traces)
            if candidate.counts:
                _check_counted(self._ports, self._warm_up + self._events)
        return Round(
            ready_seconds=ready_seconds,
            cpu_us=used / self._events * 1e6,
            events_per_second=self._events / sent.seconds,
            milliseconds=sent.milliseconds,
            peak_mb=peak,
            spans=report.spans,
            calls=report.calls,
            backends_share=(after[1] - before[1]) / sent.seconds,
            sender_share=(after[2] - before[2]) / sent.seconds,
        )

    @contextmanager
    def _running(
        self, command: Sequence[str], env: Mapping[str, str] | None = None
    ) -> Iterator[subprocess.Popen[bytes]]:
        """A process that writes to a file; at the end it must go in order when asked to."""
        with self._log(command).open("wb") as output:
            process = subprocess.Popen(
                command,
                env=self._environment | dict(env or {}),
                cwd=self._folder,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            yield process
            process.send_signal(signal.SIGTERM)
            process.wait(30)
        finally:
            process.kill()
            process.wait()
        if process.returncode not in (0, -signal.SIGTERM):
            raise Wrong(f"{' '.join(command)} ended with {process.returncode}:\n{self._end_of_log(command)}")

    @contextmanager
    def _sender(self, events: int, prefix: str) -> Iterator[subprocess.Popen[str]]:
        """A sender that has everything ready and waits for the word."""
        arguments = (str(self._ports.server), str(self._connections), str(events), prefix)
        with subprocess.Popen(
            (*MODULE, "tests.bench.load", *arguments),
            env=self._environment,
            cwd=self._folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            if _line_of(process) != "ready\n":
                raise Wrong("the sender could not prepare its events")
            yield process

    def _wait_for(self, process: subprocess.Popen[bytes], port: int, path: str) -> None:
        """Returns at the first 200."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            with suppress(OSError, http.client.HTTPException):
                if _get(port, path)[0] == 200:
                    return
            time.sleep(0.01)
        command = [str(argument) for argument in (process.args if isinstance(process.args, Sequence) else ())]
        raise Wrong(f"{' '.join(command)} was not ready within {START_SECONDS} s:\n{self._end_of_log(command)}")

    def _log(self, command: Sequence[str]) -> Path:
        return self._folder / f"{' '.join(command[1:3]).replace('/', '-')}.log"

    def _end_of_log(self, command: Sequence[str]) -> str:
        return self._log(command).read_text(errors="replace")[-2000:]


def _send(sender: subprocess.Popen[str]) -> Sent:
    assert sender.stdin is not None
    sender.stdin.write("go\n")
    sender.stdin.flush()
    line = _line_of(sender)
    if not line:
        raise Wrong("the sender broke off: the server closed a connection")
    return msgspec.json.decode(line, type=Sent)


def _line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def _check(sent: Sent, report: Report, events: int, traces: bool) -> None:  # noqa: FBT001
    if sent.statuses != {200: events}:
        raise Wrong(f"{events} events were sent, the answers were {sent.statuses}")
    expected = Counter(payment_ids("pay", events))
    written = Counter(report.keys)
    if written != expected:
        raise Wrong(f"lost: {len(expected - written)}, written twice or not asked for: {len(written - expected)}")
    if bool(report.spans) != traces:
        raise Wrong(f"{report.spans} spans were exported")


def _check_counted(ports: Ports, events: int) -> None:
    series = 'payments_webhook_events_total{event_type="checkout.session.completed",outcome="applied"}'
    counted = [line for line in _get(ports.metrics, "/metrics")[1].decode().splitlines() if line.startswith(series)]
    if [float(line.removeprefix(series)) for line in counted] != [events]:
        raise Wrong(f"{events} events were sent, the metrics say {counted}")


def _report(ports: Ports) -> Report:
    return msgspec.json.decode(_get(ports.dynamodb, "/report")[1], type=Report)


def _get(port: int, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _peak_mb(process: psutil.Process) -> float:
    """The most memory it has had resident, as Linux keeps it; elsewhere what it has now."""
    status = Path(f"/proc/{process.pid}/status")
    if not status.exists():
        return process.memory_info().rss / 2**20
    peak = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
    assert peak is not None
    return int(peak[1]) / 1024
