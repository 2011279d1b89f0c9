"""Stops services while clients keep connections: no connection is reset, and every answer says that it is the last."""

import json
import select
import signal
import socket
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPResponse, RemoteDisconnected
from urllib.parse import urlsplit

import pytest

from tests.support import plain_http, stripe_bodies
from tests.support.processes import Process
from tests.support.records import Records
from tests.support.senders import connect
from tests.support.services import OF_OPTIONAL_SERVICES
from tests.support.stripe_bodies import SECRET
from tests.support.waiting import until
from tests.support.webhook_delivery import ROUTE, Delivery

SERVICES = ("webhook", "pages", "checkout", "reconciler", "notifier", "mcp", "stripe-emulator")
REQUIRED = {
    "STRIPE_WEBHOOK_SECRET": SECRET,
    "STRIPE_SECRET_KEY": "sk_test_drain",
    "STRIPE_API_BASE": "http://127.0.0.1:9",
    "PAYMENTS_API_TOKEN": "token-of-the-drain-tests",
    **OF_OPTIONAL_SERVICES,
}
STOPPED = (0, -signal.SIGTERM)
"""The exit statuses after an orderly stop: that of the services, and that of uvicorn, which the emulator has."""

Keep = Callable[[Process], HTTPConnection]
LONG = "600"
"""Seconds. The tests end a drain themselves, with a second signal."""


@pytest.fixture(params=SERVICES)
def service(request: pytest.FixtureRequest, start: Callable[..., Process]) -> Process:
    """A service of each kind that drains until it gets a second signal."""
    ready_at = "/health" if request.param == "stripe-emulator" else "/livez"
    return start(request.param, ready_at=ready_at, DRAIN_SECONDS=LONG, **REQUIRED)


@pytest.fixture
def webhook(start: Callable[..., Process]) -> Process:
    return start("webhook", DRAIN_SECONDS=LONG, **REQUIRED)


@pytest.fixture
def keep() -> Iterator[Keep]:
    """Yield a function that opens a connection which has had one answer and is kept."""
    opened: list[HTTPConnection] = []

    def open_one(process: Process) -> HTTPConnection:
        url = urlsplit(process.url)
        opened.append(HTTPConnection(url.hostname or "", url.port, timeout=60))
        assert not _is_last(_get(opened[-1]))
        return opened[-1]

    yield open_one
    for connection in opened:
        connection.close()


def _get(connection: HTTPConnection, path: str = "/health") -> HTTPResponse:
    connection.request("GET", path)
    response = connection.getresponse()
    response.read()
    return response


def _is_last(response: HTTPResponse) -> bool:
    return response.headers.get("Connection") == "close"


def _drain(process: Process) -> None:
    """Sends the signal, and waits until the service has noticed."""
    process.process.send_signal(signal.SIGTERM)
    until(
        lambda: plain_http.get(f"{process.url}/health").headers.get("connection") == "close",
        "drain",
    )


def _end(process: Process) -> int:
    """Ends the drain, and returns the exit status."""
    process.process.send_signal(signal.SIGTERM)
    return process.process.wait(60)


def test_every_answer_of_the_drain_closes_its_connection(service: Process, keep: Keep) -> None:
    kept = [keep(service) for _ in range(3)]
    _drain(service)
    answers = [_get(connection) for connection in kept]
    new = plain_http.get(f"{service.url}/health")

    assert [(answer.status, _is_last(answer)) for answer in answers] == [(200, True)] * 3
    assert (new.status_code, new.headers["connection"]) == (200, "close")
    assert _end(service) in STOPPED


def test_an_idle_connection_is_closed_without_a_reset(service: Process, keep: Keep) -> None:
    idle = keep(service).sock
    _drain(service)
    is_open_in_the_drain = not select.select([idle], [], [], 0)[0]

    assert _end(service) in STOPPED
    assert is_open_in_the_drain
    assert idle.recv(1) == b""


def test_a_service_is_unready_as_soon_as_the_drain_starts(start: Callable[..., Process]) -> None:
    pages = start("pages", DRAIN_SECONDS=LONG)
    ready = plain_http.get(f"{pages.url}/readyz").json()
    _drain(pages)
    unready = plain_http.get(f"{pages.url}/readyz")

    assert ready == {"status": "ready"}
    assert (unready.status_code, unready.json()) == (503, {"status": "unready", "reason": "the service is stopping"})
    assert plain_http.get(f"{pages.url}/livez").is_success
    assert _end(pages) == 0
    [line] = [json.loads(each) for each in pages.log.read_text().splitlines() if "drain_started" in each]
    assert line["seconds"] == float(LONG)


@pytest.mark.parametrize("looks_first", [True, False], ids=["looks before it writes", "writes blindly"])
def test_no_delivery_over_a_kept_connection_fails(
    start: Callable[..., Process], webhook: Process, records: Records, keep: Keep, *, looks_first: bool
) -> None:
    """A proxy with kept connections sends deliveries until each answer says that its connection ends."""
    other = start("webhook", **REQUIRED)
    pool = [keep(webhook) for _ in range(8)]
    statuses: list[int] = []
    sent = 0
    while pool:
        connection = pool.pop(0)
        if looks_first and select.select([connection.sock], [], [], 0)[0]:
            connection = keep(other)
        delivery = Delivery.of(stripe_bodies.completed(records.put()))
        connection.request("POST", ROUTE, delivery.body, {"Stripe-Signature": delivery.signature})
        response = connection.getresponse()
        response.read()
        statuses.append(response.status)
        if not _is_last(response):
            pool.append(connection)
        sent += 1
        if sent == 20:
            webhook.process.send_signal(signal.SIGTERM)

    assert set(statuses) == {200}
    assert len(statuses) >= 28
    assert _end(webhook) == 0


def _raw_request(body: bytes, *, head: str = "Host: a") -> bytes:
    lines = [f"POST {ROUTE} HTTP/1.1", head, f"Content-Length: {len(body)}", "Stripe-Signature: t=1,v1=a", "", ""]
    return "\r\n".join(lines).encode() + body


def _read_to_end(connection: socket.socket) -> bytes:
    """Everything up to the end of the stream; raises ConnectionResetError if it was reset."""
    received = bytearray()
    while piece := connection.recv(65536):
        received += piece
    return bytes(received)


def test_a_half_received_request_is_answered(webhook: Process) -> None:
    request = _raw_request(b"{}" * 100)
    with connect(webhook.url) as connection:
        connection.sendall(request[:-10])
        _drain(webhook)
        connection.sendall(request[-10:])
        received = _read_to_end(connection)

    assert received.startswith(b"HTTP/1.1 400 ")
    assert b"connection: close\r\n" in received.lower()
    assert _end(webhook) == 0


def test_pipelined_requests_end_without_a_reset(webhook: Process) -> None:
    """The client sends those without an answer again: RFC 9112 section 9.6."""
    request = _raw_request(b"{}" * 100)
    with connect(webhook.url) as connection:
        connection.sendall(request[:-10])
        _drain(webhook)
        connection.sendall(request[-10:] + request * 100)
        received = _read_to_end(connection)

    assert received.count(b"HTTP/1.1 ") == 1
    assert b"connection: close\r\n" in received.lower()
    assert _end(webhook) == 0


def test_without_a_drain_a_service_stops_at_once(start: Callable[..., Process], keep: Keep) -> None:
    pages = start("pages")
    idle = keep(pages)
    pages.process.send_signal(signal.SIGTERM)

    assert pages.process.wait(60) == 0
    with pytest.raises((RemoteDisconnected, ConnectionError)):
        _get(idle)
