"""Checks that answers leave in one packet and that HTTP otherwise works as uvicorn implements it."""

import re
import socket
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest

from tests.support.stripe_bodies import SECRET

HEALTH = b"GET /health HTTP/1.1\r\nHost: webhook\r\n\r\n"


@pytest.fixture(scope="module")
def url(start_service: Callable[..., str]) -> str:
    return start_service("webhook", STRIPE_WEBHOOK_SECRET=SECRET)


@pytest.fixture
def connection(url: str) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", urlsplit(url).port or 0), timeout=10) as connection:
        yield connection


def _read_to_end(connection: socket.socket) -> bytes:
    """Everything that arrives until the service closes the connection."""
    received = bytearray()
    while piece := connection.recv(65_536):
        received += piece
    return bytes(received)


def test_head_and_body_arrive_together(connection: socket.socket) -> None:
    # If head and body were sent separately, one of 300 answers would be read before its body arrives.
    for _ in range(300):
        connection.sendall(HEALTH)
        answer = connection.recv(65_536)
        assert answer.endswith(b'\r\n\r\n{"status":"ok"}'), answer


def test_an_answer_with_connection_close_is_complete(connection: socket.socket) -> None:
    connection.sendall(HEALTH.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))

    answer = _read_to_end(connection)

    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b'{"status":"ok"}')


def test_pipelined_requests_are_answered_in_order(connection: socket.socket) -> None:
    last = b"GET /nothing HTTP/1.1\r\nHost: webhook\r\nConnection: close\r\n\r\n"
    connection.sendall(HEALTH + HEALTH + last)

    answers = _read_to_end(connection)

    assert re.findall(rb"HTTP/1.1 (\d+)", answers) == [b"200", b"200", b"404"]


def test_expect_100_continue_is_answered_before_the_body(connection: socket.socket) -> None:
    head = b"POST /webhook/stripe HTTP/1.1\r\nHost: webhook\r\nContent-Length: 2\r\nExpect: 100-continue\r\n"
    connection.sendall(head + b"Connection: close\r\n\r\n")

    assert connection.recv(65_536) == b"HTTP/1.1 100 Continue\r\n\r\n"

    connection.sendall(b"{}")
    assert _read_to_end(connection).endswith(b'{"outcome":"invalid_signature"}')


def test_invalid_http_is_a_400_with_a_message(connection: socket.socket) -> None:
    connection.sendall(b"nonsense\r\n\r\n")

    answer = _read_to_end(connection)

    assert answer.startswith(b"HTTP/1.1 400")
    assert answer.endswith(b"Invalid HTTP request received.")
