"""Attacks a webhook with raw connections beside good deliveries: all good ones are answered, within fixed limits."""

import itertools
import json
import re
import resource
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest

from tests.support.examples import examples
from tests.support.processes import Process
from tests.support.scrape import Scrape
from tests.support.senders import GoodDeliveries, connect, head, read_to_end, send_until_closed
from tests.support.stripe_bodies import SECRET, completed
from tests.support.waiting import until
from tests.support.webhook_delivery import Delivery

MEMORY_LIMIT = 384 * 1024 * 1024
"""In bytes: the chart's limit for one pod."""

SLOW_CONNECTIONS = 4096
"""About four times as many as a process keeps."""

SENDER_SECONDS = 30
"""The time after which a sender gives up. On an idle machine the slowest delivery takes less than one second."""

HEALTH = b"GET /health HTTP/1.1\r\nHost: webhook\r\n\r\n"


Connections = Callable[..., list[socket.socket]]


class Webhook(NamedTuple):
    """A webhook, and the URL of its metrics."""

    service: Process
    metrics: str

    @property
    def url(self) -> str:
        return self.service.url

    def closed(self, reason: str) -> float:
        """The connections that were closed for this reason."""
        return Scrape.of(self.metrics).value("payments_http_connections_closed_total", reason=reason) or 0

    def memory(self) -> int:
        """The resident memory in bytes."""
        return int(psutil.Process(self.service.process.pid).memory_info().rss)

    def lines(self, event: str) -> list[dict[str, Any]]:
        """The log lines of one event."""
        lines = map(json.loads, self.service.output().splitlines())
        return [line for line in lines if line["event"] == event]


@pytest.fixture(scope="module")
def start_webhook(start: Callable[..., Process], free_port: Callable[[], int]) -> Callable[..., Webhook]:
    def start_one(**env: str) -> Webhook:
        port = free_port()
        service = start("webhook", STRIPE_WEBHOOK_SECRET=SECRET, METRICS_PORT=str(port), **env)
        return Webhook(service, f"http://127.0.0.1:{port}")

    return start_one


@pytest.fixture(scope="module")
def webhook(start_webhook: Callable[..., Webhook]) -> Webhook:
    return start_webhook()


@pytest.fixture
def good(webhook: Webhook) -> Iterator[GoodDeliveries]:
    """Sends good deliveries during the test and checks that each was answered with 200."""
    with GoodDeliveries(webhook.url) as deliveries:
        until(lambda: deliveries.answers[200])
        yield deliveries
    assert deliveries.answers.keys() == {200}


@pytest.fixture
def connections(webhook: Webhook) -> Iterator[Connections]:
    """Open this number of connections, and close them after the test."""
    opened: list[socket.socket] = []

    def open_all(number: int, url: str = webhook.url) -> list[socket.socket]:
        opened.extend(connect(url) for _ in range(number))
        return opened

    yield open_all
    for connection in opened:
        connection.close()


@pytest.fixture
def many_files() -> Iterator[None]:
    """Raise the limit of open files of this process to what all connections of a test need."""
    before = soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = SLOW_CONNECTIONS + 1024
    if hard != resource.RLIM_INFINITY and hard < needed:
        pytest.skip(f"needs {needed} open files; the hard limit (`ulimit -Hn`) is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


START = b"GET /health HTTP/1.1\r\nHost: webhook\r\n"
ENDLESS_HEADS = {
    "one header": (START + b"X: ", b"x" * 65_536),
    "a header in small pieces": (START + b"X: ", b"x" * 500),
    "many headers": (START, b"A: b\r\n" * 10_000),
    "tiny headers": (START, b"a:\r\n" * 20),
    "URL": (b"GET /", b"x" * 65_536),
    "blank lines": (b"", b"\r\n" * 30_000),
}


@pytest.mark.usefixtures("good")
@pytest.mark.parametrize(("start_of_head", "piece"), ENDLESS_HEADS.values(), ids=ENDLESS_HEADS.keys())
def test_a_head_without_end_is_a_431(webhook: Webhook, start_of_head: bytes, piece: bytes) -> None:
    before = webhook.closed("head_too_large")
    with connect(webhook.url) as connection:
        sent = send_until_closed(connection, [start_of_head, *itertools.repeat(piece, 96_000_000 // len(piece))])

    assert sent < 20_000_000
    assert webhook.closed("head_too_large") == before + 1
    assert webhook.memory() < MEMORY_LIMIT


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param(["X-Number: 1"] * 97, 400, id="100 headers"),
        pytest.param(["X-Number: 1"] * 98, 431, id="101 headers"),
        pytest.param(["X: " + "x" * 32_600], 400, id="32 KiB"),
        pytest.param(["X: " + "x" * 32_768], 431, id="more than 32 KiB"),
    ],
)
def test_the_limits_of_a_head_are_exact(webhook: Webhook, headers: list[str], status: int) -> None:
    with connect(webhook.url) as connection:
        connection.sendall(head(2, "Connection: close", *headers) + b"{}")

        assert read_to_end(connection).startswith(b"HTTP/1.1 %d " % status)


@pytest.mark.usefixtures("good")
def test_pipelined_requests_wait_for_their_turn(webhook: Webhook, connections: Connections) -> None:
    for connection in connections(examples(5, 20)):
        connection.settimeout(0.5)
        send_until_closed(connection, list(itertools.repeat(HEALTH * 2000, 100)))

    assert webhook.memory() < MEMORY_LIMIT


def test_all_pipelined_requests_are_answered(webhook: Webhook) -> None:
    delivery = Delivery.of(completed("payment_1"))
    post = head(len(delivery.body), f"Stripe-Signature: {delivery.signature}") + delivery.body
    last = b"GET /nothing HTTP/1.1\r\nHost: webhook\r\nConnection: close\r\n\r\n"
    with connect(webhook.url) as connection:
        connection.sendall((HEALTH + b"\r\n" + post) * 50 + last)

        assert re.findall(rb"HTTP/1.1 (\d+)", read_to_end(connection)) == [b"200", b"200"] * 50 + [b"404"]


def test_requests_after_a_chunked_one_are_sent_again(webhook: Webhook) -> None:
    chunked = (
        b"POST /webhook/stripe HTTP/1.1\r\nHost: webhook\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    )
    with connect(webhook.url) as connection:
        connection.sendall(chunked + HEALTH)
        answer = read_to_end(connection)

    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"400"]
    assert b"connection: close" in answer


@pytest.mark.usefixtures("good")
def test_trailers_without_end_are_refused(webhook: Webhook) -> None:
    start = b"POST /webhook/stripe HTTP/1.1\r\nHost: webhook\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX: "
    with connect(webhook.url) as connection:
        sent = send_until_closed(connection, [start, *itertools.repeat(b"x" * 65_536, 1000)])

    assert sent < 20_000_000


@pytest.mark.usefixtures("good")
@pytest.mark.parametrize(("chunks", "refused"), [(999, 0), (1001, 1)])
def test_the_number_of_chunks_is_limited(webhook: Webhook, chunks: int, refused: int) -> None:
    before = webhook.closed("invalid_http")
    start = b"POST /webhook/stripe HTTP/1.1\r\nHost: webhook\r\nTransfer-Encoding: chunked\r\n\r\n"
    with connect(webhook.url) as connection:
        connection.sendall(start + b"1\r\nx\r\n" * chunks + b"0\r\n\r\n")

        assert connection.recv(65_536).startswith(b"HTTP/1.1 400 ")
    assert webhook.closed("invalid_http") == before + refused


@pytest.mark.usefixtures("good")
def test_a_body_after_its_answer_is_read_only_to_a_limit(webhook: Webhook) -> None:
    before = webhook.closed("unread_body")
    with connect(webhook.url) as connection:
        sent = send_until_closed(connection, [head(10**9), *itertools.repeat(b"x" * 65_536, 10_000)])

    assert sent < 20_000_000
    assert webhook.closed("unread_body") == before + 1


def test_silent_connections_shut_nobody_out(webhook: Webhook, good: GoodDeliveries, connections: Connections) -> None:
    connections(1500)
    seen = good.answers[200]
    until(lambda: good.answers[200] > seen + 10)

    assert webhook.closed("too_many_connections") > 400
    assert len(webhook.lines("connection_closed")) < 20


SLOW = {"silent": b"", "half a head": START, "half a body": head(1000) + b"{", "idle": HEALTH}


@pytest.mark.parametrize("slow", [*SLOW][:: examples(2, 1)])
@pytest.mark.usefixtures("many_files")
def test_4096_slow_connections_delay_no_event(
    webhook: Webhook,
    good: GoodDeliveries,
    connections: Connections,
    slow: str,
) -> None:
    """The times of the slowest deliveries, with their connections, are printed: they depend on the machine."""
    before = webhook.closed("too_many_connections")
    good.slowest = 0
    for _ in range(SLOW_CONNECTIONS):
        send_until_closed(connections(1)[-1], [SLOW[slow]])
    until(lambda: webhook.closed("too_many_connections") > before + SLOW_CONNECTIONS - 1100)
    if slow == "idle":
        connections(0)[-1].recv(65_536)  # the last one is idle, too, when it has its answer
    opening, good.slowest = good.slowest, 0
    seen = good.answers[200]
    until(lambda: good.answers[200] > seen + 10)

    print(f"the slowest delivery took {opening:.3f} s while they were opened, {good.slowest:.3f} s after that")
    assert max(opening, good.slowest) < SENDER_SECONDS
    assert webhook.memory() < MEMORY_LIMIT


def test_half_bodies_are_bounded_together(webhook: Webhook, good: GoodDeliveries, connections: Connections) -> None:
    for connection in connections(600):
        send_until_closed(connection, [head(262_144) + b"x" * 250_000])
    seen = good.answers[200]
    until(lambda: good.answers[200] > seen + 10)

    assert webhook.closed("too_much_memory") > 100
    assert webhook.memory() < MEMORY_LIMIT


@pytest.mark.usefixtures("good")
def test_slow_requests_end_at_their_deadlines(webhook: Webhook) -> None:
    with connect(webhook.url) as silent, connect(webhook.url) as half_head, connect(webhook.url) as half_body:
        half_head.sendall(START)
        half_body.sendall(head(1000) + b"{")

        for connection in (silent, half_head, half_body):
            assert read_to_end(connection).startswith(b"HTTP/1.1 408 ")


def test_sigterm_does_not_wait_for_half_bodies(start_webhook: Callable[..., Webhook], connections: Connections) -> None:
    webhook = start_webhook()
    opened = connections(20, webhook.url)
    for number, connection in enumerate(opened):
        connection.sendall(head(1000) + b"{" if number % 2 else START)
    until(
        lambda: (
            Delivery.of(completed("payment_1"))
            and len(psutil.Process(webhook.service.process.pid).net_connections()) > 20
        )
    )

    status = webhook.service.stop()

    text = webhook.service.output()
    assert status == 0
    assert "Traceback" not in text
    assert "exceeded" not in text
    assert [read_to_end(connection)[:12] for connection in opened] == [b"", b"HTTP/1.1 503"] * 10


UPGRADE = (
    "Connection: Upgrade, HTTP2-Settings",
    "Upgrade: h2c",
    "HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA",
)


def test_an_offer_to_upgrade_is_ignored(webhook: Webhook) -> None:
    delivery = Delivery.of(completed("payment_1"))
    request = head(len(delivery.body), *UPGRADE, f"Stripe-Signature: {delivery.signature}") + delivery.body
    with connect(webhook.url) as connection:
        for _ in range(3):
            connection.sendall(request)
            answer = connection.recv(65_536)

            assert answer.startswith(b"HTTP/1.1 200 ")
            assert b"connection:" not in answer.lower()

    assert "pgrade" not in webhook.service.output()


@pytest.mark.parametrize("protocol", ["websocket", "h2c", "TLS/1.0"])
def test_a_get_request_can_offer_any_protocol(webhook: Webhook, protocol: str) -> None:
    request = HEALTH.replace(b"\r\n\r\n", f"\r\nConnection: close, Upgrade\r\nUpgrade: {protocol}\r\n\r\n".encode())
    with connect(webhook.url) as connection:
        connection.sendall(request)

        assert read_to_end(connection).endswith(b'{"status":"ok"}')


def test_curl_can_offer_http2(webhook: Webhook, tmp_path: Path) -> None:
    delivery = Delivery.of(completed("payment_1"))
    (tmp_path / "body").write_bytes(delivery.body)
    command = [shutil.which("curl") or pytest.skip("needs curl"), "--http2", "--no-progress-meter"]
    header = ["--header", f"Stripe-Signature: {delivery.signature}", "--data-binary", f"@{tmp_path / 'body'}"]

    result = subprocess.run([*command, *header, f"{webhook.url}/webhook/stripe"], capture_output=True, check=True)

    assert json.loads(result.stdout) == {"outcome": "unmatched"}


@pytest.mark.parametrize(
    ("service", "env"),
    [
        ("pages", {}),
        (
            "checkout",
            {
                "STRIPE_SECRET_KEY": "sk_test_of_the_hostile_senders",
                "PAYMENTS_API_TOKEN": "token_of_the_hostile_senders",
            },
        ),
    ],
    ids=["pages", "checkout"],
)
def test_every_service_has_the_limits(start: Callable[..., Process], service: str, env: dict[str, str]) -> None:
    url = start(service, **env).url
    with connect(url) as hostile, connect(url) as upgrading:
        hostile.sendall(HEALTH[:-2] + b"X: " + b"x" * 40_000)
        upgrading.sendall(HEALTH[:-2] + b"Connection: close, Upgrade\r\nUpgrade: h2c\r\n\r\n")

        assert read_to_end(hostile).startswith(b"HTTP/1.1 431 ")
        assert read_to_end(upgrading).startswith(b"HTTP/1.1 200 ")
