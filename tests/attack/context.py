"""Starts the attacked services once and measures them during each attack."""

import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import httpx
import yaml

from lea_demo.dynamodb_local import DynamoDBLocal
from lea_payments.settings import TableSettings
from lea_payments.store import connection
from lea_payments.store.setup import creation
from tests.attack.attack import TRACES, Attack, AttackResult, Measurement, Memory, judge
from tests.attack.markers import API_KEY, SECRET, TOKEN
from tests.attack.stream import GoodEvents
from tests.support.emulator import EmulatorClient
from tests.support.otlp_sink import OtlpSink
from tests.support.processes import Process
from tests.support.records import Records
from tests.support.scrape import Scrape
from tests.support.services import Services
from tests.support.waiting import until

VALUES = Path(__file__).parents[2] / "charts" / "lea-payments" / "values.yaml"
EXPORT_SOON = {"OTEL_BSP_SCHEDULE_DELAY": "200"}
"""Exports the spans soon, so that they belong to their attack."""

SECRET_SETTINGS: Mapping[str, Mapping[str, str]] = {
    "webhook": {"STRIPE_WEBHOOK_SECRET": SECRET},
    "checkout": {"STRIPE_SECRET_KEY": API_KEY, "PAYMENTS_API_TOKEN": TOKEN},
    "pages": {},
}


class Target(NamedTuple):
    """A running service, the URL of its metrics, and the chart's memory limit for its pod in bytes."""

    service: str
    process: Process
    metrics: str
    memory_limit: int

    @property
    def url(self) -> str:
        """The address of the service."""
        return self.process.url

    @property
    def pid(self) -> int:
        """The process id."""
        return self.process.process.pid

    def scrape(self) -> Scrape:
        """The metrics, as soon as the metrics port answers: an attack may have left connections behind."""
        return until(lambda: Scrape.of(self.metrics), self.metrics)

    def value(self, name: str, **labels: str) -> float:
        """The value of one series; 0 if there is none."""
        return self.scrape().value(name, **labels) or 0

    def closed(self, reason: str) -> float:
        """The connections that were closed for this reason."""
        return self.value("payments_http_connections_closed_total", reason=reason)

    def log_size(self) -> int:
        """The size of the log in bytes."""
        self.process.wait_for_lines()
        return self.process.log.stat().st_size

    def log_from(self, offset: int) -> str:
        """The log from this byte on."""
        self.process.wait_for_lines()
        with self.process.log.open("rb") as log:
            log.seek(offset)
            return log.read().decode(errors="replace")

    def memory(self) -> Memory:
        """The largest resident memory since `reset_peak`, or since the start."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        peak = int(status.partition("VmHWM:")[2].split()[0]) * 1024
        return Memory(self.service, peak, self.memory_limit)

    def reset_peak(self) -> None:
        """Starts to measure the peak again."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")


@dataclass
class _Progress:
    """What one attack has collected so far. `ended` are services that the attack stopped itself."""

    problems: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)
    targets: list[Target] = field(default_factory=list)
    ended: list[Memory] = field(default_factory=list)


class AttackContext:
    """The services under attack, inside a `with` block. `seconds` is the length of an attack without an own end.

    A short run uses fewer kinds of input where each kind takes seconds.
    """

    def __init__(
        self,
        folder: Path,
        free_port: Callable[[], int],
        dynamodb: DynamoDBLocal,
        *,
        seconds: float,
        is_short: bool,
    ) -> None:
        self.folder, self.free_port, self.dynamodb = folder, free_port, dynamodb
        self.seconds, self.is_short = seconds, is_short
        self.table = TableSettings.model_validate(
            {"DDB_ENDPOINT": dynamodb.endpoint, "DYNAMODB_PAYMENTS_TABLE": "attack"}
        )
        self._stack = ExitStack()
        self._progress = _Progress()
        self._limits = _memory_limits()

    def __enter__(self) -> Self:
        client = connection.client(self.table)
        creation.ensure(client, self.table)
        client.close()
        defaults = {"DDB_ENDPOINT": self.table.ddb_endpoint, "DYNAMODB_PAYMENTS_TABLE": self.table.table}
        enter = self._stack.enter_context
        self.sink = enter(OtlpSink(self.free_port()))
        self._services = enter(Services(self.folder, self.free_port, defaults))
        self.stripe = enter(EmulatorClient(self._services.start("stripe-emulator").url))
        control = self._start("webhook")
        self.webhook = self._start("webhook", OTEL_EXPORTER_OTLP_ENDPOINT=self.sink.endpoint, **EXPORT_SOON)
        self.checkout = self._start("checkout", STRIPE_API_BASE=self.stripe.url)
        self.pages = self._start("pages")
        self.records = Records(self.table)
        self._stack.callback(self.records.close)
        self.good = enter(GoodEvents(control.url, SECRET, self.table, self.folder))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def run(self, attack: Attack) -> AttackResult:
        """Executes one attack beside good events, and judges what was measured."""
        shared = [self.webhook, self.checkout, self.pages]
        self._progress = progress = _Progress(targets=[*shared])
        offsets = {target.process.log: target.log_size() for target in shared}
        spans = len(self.sink.raw)
        for target in shared:
            target.reset_peak()
        self.good.send_to(self.webhook.url)
        self.good.take()
        started = time.monotonic()
        observation = self._execute(attack)
        seconds = time.monotonic() - started
        self.good.send_to("")
        answers = self.good.take()
        logs = {
            f"the log of {target.service} {target.pid}": target.log_from(offsets.get(target.process.log, 0))
            for target in progress.targets
        }
        metrics = {f"the metrics of {target.service}": target.scrape().text for target in shared}
        measured = Measurement(
            seconds=seconds,
            answers=answers,
            memory=[*(target.memory() for target in shared), *progress.ended],
            log_bytes=sum(map(len, logs.values())),
            outputs={**logs, **metrics, TRACES: self.sink.raw[spans:], **progress.outputs},
        )
        problems = [*progress.problems, *judge(measured, attack.answer_seconds)]
        return AttackResult(attack, observation, measured, problems, progress.skipped)

    def _execute(self, attack: Attack) -> str:
        try:
            return attack.execute(self)
        except (AssertionError, OSError, httpx.HTTPError, subprocess.SubprocessError) as error:
            self.require(condition=False, problem=f"the attack ended early: {type(error).__name__}: {error}")
            return "ended early"

    @contextmanager
    def own_webhook(self, output: str = "", **environment: str) -> Iterator[Target]:
        """A webhook for this attack alone, which gets the good events; it has to stop with status 0 at the end."""
        with self.own_service("webhook", output, **environment) as target:
            self.good.send_to(target.url)
            yield target

    @contextmanager
    def own_service(self, service: str, output: str = "", **environment: str) -> Iterator[Target]:
        """A service for this attack alone, which has to stop with status 0 at the end."""
        target = self._start(service, output=output, **environment)
        self._progress.targets.append(target)
        try:
            yield target
        finally:
            self.stop(target)

    def stop(self, target: Target) -> float:
        """Sends SIGTERM and returns the time until the end. The good events stop before. Harmless if it has ended."""
        if target.process.process.poll() is not None:
            return 0.0
        self.good.send_to("")
        self.good.settle()
        self._progress.ended.append(target.memory())
        started = time.monotonic()
        status = target.process.stop()
        self.require(status == 0, f"{target.service} ended with status {status}")
        return time.monotonic() - started

    def require(self, condition: object, problem: str) -> None:
        """Adds the problem unless the condition is true."""
        if not condition:
            self._progress.problems.append(problem)

    def skip(self, part: str, reason: str) -> None:
        """Notes a part that cannot run here."""
        self._progress.skipped.append(f"{part}: {reason}")

    def output(self, source: str, text: str) -> None:
        """Adds a text that must contain nothing private."""
        self._progress.outputs[source] = self._progress.outputs.get(source, "") + text

    def _start(self, service: str, output: str = "", **environment: str) -> Target:
        port = str(self.free_port())
        secrets = {} if "STRIPE_WEBHOOK_SECRET_FILE" in environment else SECRET_SETTINGS[service]
        variables = {**secrets, "METRICS_PORT": port, **environment}
        process = self._services.start(service, output=output, **variables)
        return Target(service, process, f"http://127.0.0.1:{port}", self._limits[service])


def _memory_limits() -> Mapping[str, int]:
    """The chart's memory limits in bytes, by service."""
    values = yaml.safe_load(VALUES.read_text())
    limits = {service: values[service]["resources"]["limits"]["memory"] for service in SECRET_SETTINGS}
    return {service: int(limit.removesuffix("Mi")) * 2**20 for service, limit in limits.items()}
