"""Drives one turn after the other through servers that are all up, and reads what each turn cost; compares nothing."""

import re
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec
import psutil

from tests.bench.backends import Report
from tests.bench.load import Sent, payment_ids
from tests.bench.processes import MODULE, Processes, Wrong, get
from tests.support.ports import free_port

EXPORT_SECONDS = 1.0
"""After a turn, before its cost is read: by then the last spans are exported, which is part of the cost."""

SECRET = "whsec_" + "benchmark" * 4


class Plan(NamedTuple):
    """What is sent to a server in each of its turns, and once before; `sampling` is the share of traces kept."""

    connections: int
    events: int
    warm_up: int
    sampling: float


class Candidate(NamedTuple):
    """A server under test; `env` goes over what all are given.

    `counts` says that it shows our metrics, which must agree with what was sent; `traces`, that it exports spans.
    """

    name: str
    command: Sequence[str]
    counts: bool
    traces: bool = True
    env: tuple[tuple[str, str], ...] = ()


class Turn(NamedTuple):
    """One turn of one server; `backends_share` and `sender_share` are parts of one core."""

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
    """The processes behind and before the servers under test, and the servers."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.plan = plan
        self._dynamodb, self._collector = free_port(), free_port()
        self._processes = Processes(folder, self._environment())

    def _environment(self) -> dict[str, str]:
        """What every process is given, the same for all servers."""
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
            "OTEL_TRACES_SAMPLER_ARG": str(self.plan.sampling),
            "OTEL_BSP_SCHEDULE_DELAY": "500",
        }

    @contextmanager
    def backends(self) -> Iterator[None]:
        """DynamoDB and the collector, for all servers."""
        command = (*MODULE, "tests.bench.backends", str(self._dynamodb), str(self._collector))
        with self._processes.serving("backends", command, self._dynamodb, "/report", {}) as process:
            self.behind = psutil.Process(process.pid)
            yield

    @contextmanager
    def serving(self, candidate: Candidate) -> Iterator["Server"]:
        """A server that is up and has had its warm-up."""
        port, metrics = free_port(), free_port()
        env = {"PORT": str(port), "METRICS_PORT": str(metrics)} | dict(candidate.env)
        started = time.monotonic()
        with self._processes.serving(candidate.name, candidate.command, port, "/readyz", env) as process:
            server = Server(self, candidate, process.pid, port, metrics, time.monotonic() - started)
            with self.sender(port, self.plan.warm_up, "warm") as sender:
                _send(sender)
            time.sleep(EXPORT_SECONDS)
            self.report()
            yield server

    @contextmanager
    def sender(self, port: int, events: int, prefix: str) -> Iterator[subprocess.Popen[str]]:
        """A sender that has everything ready and waits for the word."""
        arguments = (str(port), str(self.plan.connections), str(events), prefix)
        with self._processes.talking((*MODULE, "tests.bench.load", *arguments)) as process:
            if _line_of(process) != "ready\n":
                raise Wrong("the sender could not prepare its events")
            yield process

    def report(self) -> Report:
        """What has come to DynamoDB and the collector since the last report."""
        return msgspec.json.decode(get(self._dynamodb, "/report")[1], type=Report)


class Server:
    """A server under test; while one has its turn, the others rest."""

    def __init__(
        self, bench: Bench, candidate: Candidate, process_id: int, port: int, metrics_port: int, ready_seconds: float
    ) -> None:
        self._bench = bench
        self._candidate = candidate
        self._process = psutil.Process(process_id)
        self._port = port
        self._metrics_port = metrics_port
        self._ready_seconds = ready_seconds
        self._turns = 0

    def turn(self) -> Turn:
        """Sends the events and checks that each had its effect."""
        self._turns += 1
        events, prefix = self._bench.plan.events, f"turn{self._turns}-"
        with self._bench.sender(self._port, events, prefix) as sender:
            processes = self._process, self._bench.behind, psutil.Process(sender.pid)
            before = [_cpu(each) for each in processes]
            sent = _send(sender)
            after = [_cpu(each) for each in processes]
        time.sleep(EXPORT_SECONDS)
        used = _cpu(self._process) - before[0]
        report = self._bench.report()
        self._check(sent, report, payment_ids(prefix, events))
        return Turn(
            ready_seconds=self._ready_seconds,
            cpu_us=used / events * 1e6,
            events_per_second=events / sent.seconds,
            milliseconds=sent.milliseconds,
            peak_mb=_peak_mb(self._process),
            spans=report.spans,
            calls=report.calls,
            backends_share=(after[1] - before[1]) / sent.seconds,
            sender_share=(after[2] - before[2]) / sent.seconds,
        )

    def _check(self, sent: Sent, report: Report, ids: Sequence[str]) -> None:
        name = self._candidate.name
        if sent.statuses != {200: len(ids)}:
            raise Wrong(f"{name}: {len(ids)} events were sent, the answers were {sent.statuses}")
        expected, written = Counter(ids), Counter(report.keys)
        if written != expected:
            lost, too_many = len(expected - written), len(written - expected)
            raise Wrong(f"{name} lost {lost} events and wrote {too_many} twice or without being asked to")
        if bool(report.spans) != self._candidate.traces:
            raise Wrong(f"{name} exported {report.spans} spans")
        if self._candidate.counts:
            self._check_counted(self._bench.plan.warm_up + self._turns * len(ids))

    def _check_counted(self, events: int) -> None:
        series = 'payments_webhook_events_total{event_type="checkout.session.completed",outcome="applied"}'
        lines = get(self._metrics_port, "/metrics")[1].decode().splitlines()
        counted = [line.removeprefix(series) for line in lines if line.startswith(series)]
        if [float(count) for count in counted] != [events]:
            raise Wrong(f"{self._candidate.name}: {events} events were sent, the metrics say {counted}")


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
