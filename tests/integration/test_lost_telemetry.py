"""Takes the output, the collector and the metrics port away from a webhook: no delivery and no shutdown notices."""

import contextlib
import json
import os
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from tests.support import plain_http
from tests.support.examples import examples
from tests.support.otlp_sink import OtlpSink
from tests.support.processes import Process
from tests.support.scrape import Scrape
from tests.support.senders import connect, send_until_closed
from tests.support.stripe_bodies import SECRET, completed
from tests.support.waiting import until
from tests.support.webhook_delivery import ROUTE, Delivery

DELIVERIES = examples(300, 400)
"""Their lines are more than the 64 KiB of a pipe."""

FLOOD = examples(250, 2000)


class Webhook(NamedTuple):
    """A webhook, and the URL of its metrics."""

    service: Process
    metrics: str

    def value(self, name: str) -> float:
        """The value of a metric without labels."""
        return Scrape.of(self.metrics).value(name) or 0

    def deliver(self, number: int) -> Counter[int]:
        """Sends good deliveries; returns their answers."""
        with plain_http.client(self.service.url) as client:
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

    assert webhook.deliver(50) == {200: 50}
    until(lambda: webhook.value("payments_log_lines_dropped_total") >= 50)  # lines are written ten times a second
    assert webhook.service.stop() == 0


def test_a_reader_that_ends_ends_nothing(start_webhook: StartWebhook, tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    webhook = start_webhook(output=f">{path}")
    os.close(reader)

    assert webhook.deliver(20) == {200: 20}
    until(lambda: webhook.value("payments_log_lines_dropped_total") >= 20)  # lines are written ten times a second
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
    assert len(text) > 65_536
    assert all(json.loads(line) for line in text.splitlines())
    assert webhook.value("payments_log_lines_dropped_total") == 0


def test_a_flood_writes_few_lines_and_traces(start_webhook: StartWebhook, free_port: Callable[[], int]) -> None:
    with OtlpSink(free_port()) as sink:
        webhook = start_webhook(OTEL_EXPORTER_OTLP_ENDPOINT=sink.endpoint)
        headers = {"Stripe-Signature": f"t=1,v1={'0' * 64}"}
        with (
            plain_http.client(webhook.service.url) as client,
            ThreadPoolExecutor(4) as senders,
        ):
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


def test_a_collector_that_never_answers_stops_nothing(start_webhook: StartWebhook) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        sizes = {"OTEL_BSP_MAX_QUEUE_SIZE": "16", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "8"}
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        webhook = start_webhook(OTEL_EXPORTER_OTLP_ENDPOINT=endpoint, **sizes)

        assert webhook.deliver(50) == {200: 50}
        assert webhook.value("payments_spans_dropped_total") > 0
        assert webhook.service.stop() == 0


SCRAPE = b"GET /metrics HTTP/1.1\r\nHost: webhook\r\n"
Connections = Callable[[int], list[socket.socket]]


@pytest.fixture(scope="module")
def scraped(start_webhook: StartWebhook) -> Webhook:
    return start_webhook()


@pytest.fixture
def scrapers(scraped: Webhook) -> Iterator[Connections]:
    """Open this number of connections to the metrics port, and close them after the test."""
    opened: list[socket.socket] = []

    def open_all(number: int) -> list[socket.socket]:
        opened.extend(connect(scraped.metrics) for _ in range(number))
        return opened

    yield open_all
    for connection in opened:
        connection.close()


def _works(webhook: Webhook) -> None:
    """Deliveries and scrapes are answered, with few threads and little memory."""
    process = psutil.Process(webhook.service.process.pid)
    assert webhook.deliver(20) == {200: 20}
    assert Scrape.of(webhook.metrics).samples
    assert process.num_threads() < 60
    assert process.memory_info().rss < 200 * 1024 * 1024


def test_idle_connections_to_the_metrics_port_are_limited(scraped: Webhook, scrapers: Connections) -> None:
    silent = scrapers(200)

    _works(scraped)
    assert silent[0].recv(1) == b""


def test_slow_heads_stop_no_scrape(scraped: Webhook, scrapers: Connections) -> None:
    for number, connection in enumerate(scrapers(100)):
        connection.sendall(SCRAPE[: number % len(SCRAPE)])

    _works(scraped)


@pytest.mark.parametrize("piece", [b"X: " + b"x" * 60_000 + b"\r\n", b"a:\r\n" * 1000, b"x" * 65_536], ids=len)
def test_a_scrape_without_end_is_cut(scraped: Webhook, scrapers: Connections, piece: bytes) -> None:
    sent = [send_until_closed(connection, [SCRAPE, *[piece] * 1000]) for connection in scrapers(10)]

    assert max(sent) < 8_000_000, "the kernel takes some of it before it knows"
    _works(scraped)


def test_a_scraper_that_drips_is_cut(scrapers: Connections) -> None:
    """A byte a second: without a limit for the whole head it would hold its place for hours."""
    (connection,) = scrapers(1)
    try:
        for _ in range(60):
            connection.sendall(b"x")
            time.sleep(1)
    except ConnectionError:
        return
    pytest.fail("the connection is still open after a minute")


def test_scrapers_that_never_read_stop_nothing(scraped: Webhook, scrapers: Connections) -> None:
    for connection in scrapers(100):
        with contextlib.suppress(ConnectionError):
            connection.sendall(SCRAPE + b"\r\n")

    _works(scraped)


def test_scrapers_without_pause_get_few_answers(scraped: Webhook) -> None:
    """A limit of answers is a limit of work: the webhook has the rest of the time."""
    started = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda _: Scrape.of(scraped.metrics).samples, range(16))
        _works(scraped)
        assert all(answers)

    assert time.monotonic() - started > 15 * 0.2
    assert scraped.service.stop() == 0
