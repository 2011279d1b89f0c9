"""Takes the output, the collector and the metrics port away from a webhook: no delivery and no shutdown notices."""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import httpx
import psutil
import pytest

from tests.support.otlp_sink import OtlpSink
from tests.support.processes import Process
from tests.support.scrape import Scrape
from tests.support.senders import connect
from tests.support.stripe_bodies import SECRET, completed
from tests.support.waiting import until
from tests.support.webhook_delivery import ROUTE, Delivery

DELIVERIES = 400
"""Their lines are more than the 64 KiB of a pipe."""

FLOOD = 2000


class Webhook(NamedTuple):
    """A webhook, and the URL of its metrics."""

    service: Process
    metrics: str

    def value(self, name: str) -> float:
        """The value of a metric without labels."""
        return Scrape.of(self.metrics).value(name) or 0

    def deliver(self, number: int) -> Counter[int]:
        """Sends good deliveries; returns their answers."""
        with httpx.Client(base_url=self.service.url, timeout=30, trust_env=False) as client:
            return Counter(Delivery.of(completed(f"payment_{one}")).to(client).status for one in range(number))


StartWebhook = Callable[..., Webhook]


@pytest.fixture(scope="module")
def start_webhook(start: Callable[..., Process], free_port: Callable[[], int]) -> StartWebhook:
    def start_one(**options: str) -> Webhook:
        port = free_port()
        service = start("webhook", STRIPE_WEBHOOK_SECRET=SECRET, METRICS_PORT=str(port), **options)
        return Webhook(service, f"http://127.0.0.1:{port}")

    return start_one


@pytest.fixture
def fifo(tmp_path: Path) -> Iterator[Path]:
    """A pipe with a reader that never reads."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDWR)
    yield path
    os.close(reader)


@pytest.mark.parametrize("output", [">&-", ">/dev/full"], ids=["closed", "full disk"])
def test_lines_that_cannot_be_written_are_counted(start_webhook: StartWebhook, output: str) -> None:
    webhook = start_webhook(output=output)

    assert webhook.deliver(DELIVERIES) == {200: DELIVERIES}
    assert webhook.value("payments_log_lines_dropped_total") >= DELIVERIES
    assert webhook.service.stop() == 0


def test_a_reader_that_ends_ends_nothing(start_webhook: StartWebhook, tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    webhook = start_webhook(output=f">{path}")
    os.close(reader)

    assert webhook.deliver(20) == {200: 20}
    assert webhook.value("payments_log_lines_dropped_total") >= 20
    assert webhook.service.stop() == 0


def test_a_reader_that_stops_stops_nothing(start_webhook: StartWebhook, fifo: Path) -> None:
    webhook = start_webhook(output=f">{fifo}")

    assert webhook.deliver(DELIVERIES) == {200: DELIVERIES}
    assert webhook.service.stop() == 0


def test_a_slow_reader_gets_every_line(start_webhook: StartWebhook, tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    webhook = start_webhook(output=f">{path}")
    webhook.deliver(DELIVERIES)

    text = bytearray()

    def read_all() -> bool:
        try:
            while True:
                text.extend(os.read(reader, 65_536))
        except BlockingIOError:
            return text.count(b"webhook_answered") == DELIVERIES

    until(read_all)
    os.close(reader)
    assert all(json.loads(line) for line in text.splitlines())
    assert webhook.value("payments_log_lines_dropped_total") == 0


def test_a_flood_writes_few_lines_and_traces(start_webhook: StartWebhook, free_port: Callable[[], int]) -> None:
    with OtlpSink(free_port()) as sink:
        webhook = start_webhook(OTEL_EXPORTER_OTLP_ENDPOINT=sink.endpoint)
        headers = {"Stripe-Signature": f"t=1,v1={'0' * 64}"}
        with httpx.Client(base_url=webhook.service.url, timeout=30) as client, ThreadPoolExecutor(4) as senders:
            forged = senders.map(lambda _: client.post(ROUTE, content=b"{}", headers=headers).status_code, range(FLOOD))
            assert webhook.deliver(50) == {200: 50}
            assert Counter(forged) == {400: FLOOD}
        failures = Scrape.of(webhook.metrics).series("payments_webhook_signature_failures_total")
        webhook.service.stop()

    lines = [line for line in map(json.loads, webhook.service.log.read_text().splitlines()) if "outcome" in line]
    rejections = [line for line in lines if line["outcome"] == "invalid_signature"]
    per_second = Counter((line["reason"], line["timestamp"][:19]) for line in rejections)
    spans = [span for span in sink.spans if span.attributes.get("payments.outcome") == "invalid_signature"]
    assert sum(failures.values()) == FLOOD
    assert max(per_second.values()) <= 20, "the seconds of two clocks overlap"
    assert {span.trace_id for span in spans} == {line["trace_id"] for line in rejections}


def test_spans_that_no_collector_accepts_are_counted(start_webhook: StartWebhook) -> None:
    webhook = start_webhook(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1", OTEL_BSP_SCHEDULE_DELAY="100")

    assert webhook.deliver(20) == {200: 20}
    until(lambda: webhook.value("payments_spans_dropped_total") > 0)


def test_connections_to_the_metrics_port_are_limited(start_webhook: StartWebhook) -> None:
    webhook = start_webhook()
    silent = [connect(webhook.metrics) for _ in range(100)]
    threads = psutil.Process(webhook.service.process.pid).num_threads()

    assert webhook.deliver(20) == {200: 20}
    assert threads < 60
    for connection in silent:
        connection.close()
    assert until(lambda: Scrape.of(webhook.metrics).samples)
    assert webhook.service.stop() == 0
