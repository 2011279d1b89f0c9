"""Sends events to one server per turn, while all servers run, and measures each turn."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec
import psutil

from tests.bench.candidates import Candidate
from tests.bench.processes import MODULE, BenchError, Processes, cpu_of, get, peak_mb
from tests.bench.sending.load import LoadResult, Order
from tests.bench.sending.sender import Sender
from tests.bench.servers.backends import BackendCounts
from tests.support.ports import free_port

EXPORT_SECONDS, LOG_SECONDS = 1.0, 0.3
"""The wait after a turn before its CPU time is read, so that the last spans and log lines are included."""

WARM_UP_CONNECTIONS = 32
SECRET = "whsec_" + "benchmark" * 4


class Workload(NamedTuple):
    """The events in each turn and in the warm-up; `sampling` is the share of traces that are exported."""

    events: int
    warm_up: int = 1_000
    sampling: float = 0.1


class Turn(NamedTuple):
    """The measurements of one turn of one server; CPU is per event, and `sender_share` is a share of one core."""

    ready_seconds: float
    cpu_us: float
    backend_us: float
    events_per_second: float
    milliseconds: Sequence[float]
    peak_mb: float
    spans: int
    calls: int
    sender_share: float


class Backend(Protocol):
    """What a server writes to, and what it reports about that."""

    def report(self) -> BackendCounts:
        """The writes and spans since the last report."""

    def cpu_seconds(self) -> float:
        """The CPU time that it has used."""


class StandIns:
    """The stand-ins for DynamoDB and the trace collector, which all servers but PostgreSQL's share."""

    def __init__(self, dynamodb: int, process_id: int) -> None:
        self._dynamodb = dynamodb
        self._process = psutil.Process(process_id)

    def report(self) -> BackendCounts:
        """The writes and spans since the last report."""
        return msgspec.json.decode(get(self._dynamodb, "/report")[1], type=BackendCounts)

    def cpu_seconds(self) -> float:
        """The CPU time that they have used."""
        return cpu_of(self._process)


class Bench:
    """Starts the servers, the sender in front of them and the backends behind them."""

    def __init__(self, folder: Path, workload: Workload, env: dict[str, str] | None = None) -> None:
        """With `env`, variables that replace those of the environment that all processes share."""
        self.workload = workload
        self._dynamodb, self._collector = free_port(), free_port()
        self._processes = Processes(folder, self._environment() | (env or {}))

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
    def running(self) -> Iterator[None]:
        """The stand-ins and the sender, for all servers."""
        command = (*MODULE, "tests.bench.servers.backends", str(self._dynamodb), str(self._collector))
        with (
            self._processes.serving("backends", command, self._dynamodb, "/report", {}) as process,
            self._processes.piped((*MODULE, "tests.bench.sending.load")) as sender,
        ):
            self.stand_ins = StandIns(self._dynamodb, process.pid)
            self.sender = Sender(sender)
            yield
            sender.communicate()

    def output_of(self, module: str) -> str:
        """The output of a program of the benchmark that uses the stand-ins."""
        with self._processes.piped((*MODULE, module)) as process:
            output, _ = process.communicate()
        self.stand_ins.report()  # forgets its writes
        return output

    @contextmanager
    def serving(self, candidate: Candidate, backend: Backend | None = None) -> Iterator["Server"]:
        """A server that is ready and warmed up."""
        port, metrics = free_port(), free_port()
        env = {"PORT": str(port), "METRICS_PORT": str(metrics)} | dict(candidate.env)
        started = time.monotonic()
        with self._processes.serving(candidate.name, candidate.command, port, "/readyz", env) as process:
            ready_seconds = time.monotonic() - started
            server = Server(self, candidate, process.pid, (port, metrics), ready_seconds, backend or self.stand_ins)
            server.backend.report()  # forgets the writes of the readiness checks
            if self.workload.warm_up:
                server.turn(WARM_UP_CONNECTIONS, self.workload.warm_up)
            yield server


class Server:
    """A running server; while one has its turn, the others are idle."""

    def __init__(
        self,
        bench: Bench,
        candidate: Candidate,
        process_id: int,
        ports: tuple[int, int],
        ready_seconds: float,
        backend: Backend,
    ) -> None:
        self._bench = bench
        self._candidate = candidate
        self.process_id = process_id
        self._process = psutil.Process(process_id)
        self._port, self._metrics_port = ports
        self._ready_seconds = ready_seconds
        self.backend = backend
        self._turns = 0
        self._sent = 0

    def turn(
        self,
        connections: int,
        events: int = 0,
        rate: float | None = None,
        ids: Sequence[str] = (),
        *,
        check: bool = True,
    ) -> Turn:
        """Sends events, checks that each was written once, and returns the measurements.

        Without `check`, the backend is a database whose writes are checked elsewhere.
        """
        self._turns += 1
        events = len(ids) or round((events or self._bench.workload.events) * self._candidate.share)
        order = Order(self._port, connections, events, f"turn{self._turns}-", self._candidate.event, rate, ids)
        sender = self._bench.sender
        sender.prepare(order)
        before = self._cpu_seconds()
        result = sender.send()
        after = self._cpu_seconds()
        time.sleep(EXPORT_SECONDS if self._candidate.traces else LOG_SECONDS)
        used = cpu_of(self._process) - before[0]
        self._sent += events
        report = self.backend.report() if check else BackendCounts()
        self._check_answers(result, events)
        if check:
            self._check_writes(report, order.payment_ids())
        return Turn(
            ready_seconds=self._ready_seconds,
            cpu_us=used / events * 1e6,
            backend_us=(after[1] - before[1]) / events * 1e6,
            events_per_second=events / result.seconds,
            milliseconds=result.milliseconds,
            peak_mb=peak_mb(self._process),
            spans=report.spans,
            calls=report.calls,
            sender_share=(after[2] - before[2]) / result.seconds,
        )

    def _cpu_seconds(self) -> Sequence[float]:
        """Of the server, its backend and the sender."""
        return cpu_of(self._process), self.backend.cpu_seconds(), cpu_of(self._bench.sender.cpu_process)

    def _check_answers(self, result: LoadResult, events: int) -> None:
        if result.statuses != {200: events}:
            name = self._candidate.name
            raise BenchError(f"{name}: {events} events were sent, the answers by status are {result.statuses}")
        if self._candidate.counts:
            self._check_counted()

    def _check_writes(self, report: BackendCounts, ids: Sequence[str]) -> None:
        name, expected, written = self._candidate.name, Counter(ids), Counter(report.keys)
        if written != expected:
            lost, unexpected = len(expected - written), len(written - expected)
            raise BenchError(f"{name} did not write {lost} events, and made {unexpected} unexpected writes")
        if bool(report.spans) != self._candidate.traces:
            raise BenchError(f"{name} exported {report.spans} spans")

    def _check_counted(self) -> None:
        series = 'payments_webhook_events_total{event_type="checkout.session.completed",outcome="applied"}'
        lines = get(self._metrics_port, "/metrics")[1].decode().splitlines()
        counted = [line.removeprefix(series) for line in lines if line.startswith(series)]
        if [float(count) for count in counted] != [self._sent]:
            raise BenchError(f"{self._candidate.name}: {self._sent} events were sent, the metrics show {counted}")
