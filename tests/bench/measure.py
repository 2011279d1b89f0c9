"""Sends events to one server per turn, while all servers run, and measures each turn."""

import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec
import psutil

from tests.bench.backends import BackendCounts
from tests.bench.load import LoadResult, payment_ids
from tests.bench.processes import MODULE, BenchError, Processes, get
from tests.support.ports import free_port

EXPORT_SECONDS = 1.0
"""The wait after a turn before its CPU time is read, so that the export of the last spans is included."""

SECRET = "whsec_" + "benchmark" * 4


class Workload(NamedTuple):
    """The events in each turn and in the warm-up; `sampling` is the share of traces that are exported."""

    connections: int
    events: int
    warm_up: int
    sampling: float


class Candidate(NamedTuple):
    """A server to measure; `env` overrides the environment that all servers share.

    `counts`: it has our metrics, which must match the sent events. `traces`: it exports spans.
    """

    name: str
    command: Sequence[str]
    counts: bool
    traces: bool = True
    env: tuple[tuple[str, str], ...] = ()


class Turn(NamedTuple):
    """The measurements of one turn of one server; `backends_share` and `sender_share` are shares of one core."""

    ready_seconds: float
    cpu_us: float
    events_per_second: float
    milliseconds: Sequence[float]
    peak_mb: float
    spans: int
    calls: int
    backends_share: float
    sender_share: float


class Bench:
    """Starts the servers, the sender in front of them and the backends behind them."""

    def __init__(self, folder: Path, workload: Workload) -> None:
        self.workload = workload
        self._dynamodb, self._collector = free_port(), free_port()
        self._processes = Processes(folder, self._environment())

    def _environment(self) -> dict[str, str]:
        """The environment of every process, the same for all servers."""
        return {
            "HOST": "127.0.0.1",
            "STRIPE_WEBHOOK_SECRET": SECRET,
            "DDB_ENDPOINT": f"http://127.0.0.1:{self._dynamodb}",
            "DYNAMODB_PAYMENTS_TABLE": "lea-payments-local",
            "AWS_REGION": "ap-southeast-1",
            "AWS_DEFAULT_REGION": "ap-southeast-1",
            "AWS_ACCESS_KEY_ID": "benchmark",
            "AWS_SECRET_ACCESS_KEY": "benchmark",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self._collector}",
            "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
            "OTEL_TRACES_SAMPLER_ARG": str(self.workload.sampling),
            "OTEL_BSP_SCHEDULE_DELAY": "500",
        }

    @contextmanager
    def backends(self) -> Iterator[None]:
        """DynamoDB and the trace collector, for all servers."""
        command = (*MODULE, "tests.bench.backends", str(self._dynamodb), str(self._collector))
        with self._processes.serving("backends", command, self._dynamodb, "/report", {}) as process:
            self.backends_process = psutil.Process(process.pid)
            yield

    @contextmanager
    def serving(self, candidate: Candidate) -> Iterator["Server"]:
        """A server that is ready and warmed up."""
        port, metrics = free_port(), free_port()
        env = {"PORT": str(port), "METRICS_PORT": str(metrics)} | dict(candidate.env)
        started = time.monotonic()
        with self._processes.serving(candidate.name, candidate.command, port, "/readyz", env) as process:
            server = Server(self, candidate, process.pid, port, metrics, time.monotonic() - started)
            with self.sender(port, self.workload.warm_up, "warm") as sender:
                _send(sender)
            time.sleep(EXPORT_SECONDS)
            self.report()
            yield server

    @contextmanager
    def sender(self, port: int, events: int, prefix: str) -> Iterator[subprocess.Popen[str]]:
        """A sender that has prepared its requests and waits for the start signal."""
        arguments = (str(port), str(self.workload.connections), str(events), prefix)
        with self._processes.piped((*MODULE, "tests.bench.load", *arguments)) as process:
            if _read_line(process) != "ready\n":
                raise BenchError("the sender could not prepare its events")
            yield process

    def report(self) -> BackendCounts:
        """The writes and spans since the last report."""
        return msgspec.json.decode(get(self._dynamodb, "/report")[1], type=BackendCounts)


class Server:
    """A running server; while one has its turn, the others are idle."""

    def __init__(
        self, bench: Bench, candidate: Candidate, process_id: int, port: int, metrics_port: int, ready_seconds: float
    ) -> None:
        self._bench = bench
        self._candidate = candidate
        self.process_id = process_id
        self._process = psutil.Process(process_id)
        self._port = port
        self._metrics_port = metrics_port
        self._ready_seconds = ready_seconds
        self._turns = 0

    def turn(self) -> Turn:
        """Sends the events, checks that each was written once, and returns the measurements."""
        self._turns += 1
        events, prefix = self._bench.workload.events, f"turn{self._turns}-"
        with self._bench.sender(self._port, events, prefix) as sender:
            processes = self._process, self._bench.backends_process, psutil.Process(sender.pid)
            before = [_cpu(each) for each in processes]
            result = _send(sender)
            after = [_cpu(each) for each in processes]
        time.sleep(EXPORT_SECONDS)
        used = _cpu(self._process) - before[0]
        report = self._bench.report()
        self._check(result, report, payment_ids(prefix, events))
        return Turn(
            ready_seconds=self._ready_seconds,
            cpu_us=used / events * 1e6,
            events_per_second=events / result.seconds,
            milliseconds=result.milliseconds,
            peak_mb=_peak_mb(self._process),
            spans=report.spans,
            calls=report.calls,
            backends_share=(after[1] - before[1]) / result.seconds,
            sender_share=(after[2] - before[2]) / result.seconds,
        )

    def _check(self, result: LoadResult, report: BackendCounts, ids: Sequence[str]) -> None:
        name = self._candidate.name
        if result.statuses != {200: len(ids)}:
            raise BenchError(f"{name}: {len(ids)} events were sent, the answers by status are {result.statuses}")
        expected, written = Counter(ids), Counter(report.keys)
        if written != expected:
            lost, unexpected = len(expected - written), len(written - expected)
            raise BenchError(f"{name} did not write {lost} events, and made {unexpected} unexpected writes")
        if bool(report.spans) != self._candidate.traces:
            raise BenchError(f"{name} exported {report.spans} spans")
        if self._candidate.counts:
            self._check_counted(self._bench.workload.warm_up + self._turns * len(ids))

    def _check_counted(self, events: int) -> None:
        series = 'payments_webhook_events_total{event_type="checkout.session.completed",outcome="applied"}'
        lines = get(self._metrics_port, "/metrics")[1].decode().splitlines()
        counted = [line.removeprefix(series) for line in lines if line.startswith(series)]
        if [float(count) for count in counted] != [events]:
            raise BenchError(f"{self._candidate.name}: {events} events were sent, the metrics show {counted}")


def _send(sender: subprocess.Popen[str]) -> LoadResult:
    assert sender.stdin is not None
    sender.stdin.write("go\n")
    sender.stdin.flush()
    line = _read_line(sender)
    if not line:
        raise BenchError("the sender stopped: the server closed a connection")
    return msgspec.json.decode(line, type=LoadResult)


def _read_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def _cpu(process: psutil.Process) -> float:
    """The CPU seconds it has used. On Linux from its own clock: psutil's figure has a resolution of only 10 ms."""
    if sys.platform == "linux":
        return time.clock_gettime(~process.pid << 3 | 2)  # the value of clock_getcpuclockid(3), which Python lacks
    times = process.cpu_times()
    return times.user + times.system


def _peak_mb(process: psutil.Process) -> float:
    """The peak of its resident memory on Linux; on other systems, its current resident memory."""
    status = Path(f"/proc/{process.pid}/status")
    if not status.exists():
        return process.memory_info().rss / 2**20
    peak = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
    assert peak is not None
    return int(peak[1]) / 1024
