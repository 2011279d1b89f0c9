"""What leaves by the socket: a whole answer in one packet, and HTTP as uvicorn speaks it in every other respect."""

import re
import socket
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest

from tests.support.stripe_bodies import SECRET

HEALTH = b"GET /health HTTP/1.1\r\nHost: webhook\r\n\r\n"


@pytest.fixture(scope="module")
def url(start_part: Callable[..., str]) -> str:
    return start_part("webhook", STRIPE_WEBHOOK_SECRET=SECRET)


@pytest.fixture
def connection(url: str) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", urlsplit(url).port or 0), timeout=10) as connection:
        yield connection


def _to_the_end(connection: socket.socket) -> bytes:
    """All that comes until the other side hangs up."""
    received = bytearray()
    while piece := connection.recv(65_536):
        received += piece
    return bytes(received)


def test_head_and_body_arrive_together(connection: socket.socket) -> None:
    # Sent apart, one of 300 would be read before its other half is there.
    for _ in range(300):
        connection.sendall(HEALTH)
        answer = connection.recv(65_536)
        assert answer.endswith(b'\r\n\r\n{"status":"ok"}'), answer


def test_an_answer_to_one_who_closes_is_whole(connection: socket.socket) -> None:
    connection.sendall(HEALTH.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))

    answer = _to_the_end(connection)

    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b'{"status":"ok"}')


def test_requests_sent_in_one_go_are_answered_one_after_the_other(connection: socket.socket) -> None:
    last = b"GET /nothing HTTP/1.1\r\nHost: webhook\r\nConnection: close\r\n\r\n"
    connection.sendall(HEALTH + HEALTH + last)

    answers = _to_the_end(connection)

    assert re.findall(rb"HTTP/1.1 (\d+)", answers) == [b"200", b"200", b"404"]


def test_a_sender_that_waits_for_the_word_gets_it_before_it_sends_its_body(connection: socket.socket) -> None:
    head = b"POST /webhook/stripe HTTP/1.1\r\nHost: webhook\r\nContent-Length: 2\r\nExpect: 100-continue\r\n"
    connection.sendall(head + b"Connection: close\r\n\r\n")

    assert connection.recv(65_536) == b"HTTP/1.1 100 Continue\r\n\r\n"

    connection.sendall(b"{}")
    assert _to_the_end(connection).endswith(b'{"outcome":"invalid_signature"}')


def test_what_is_no_http_is_refused_in_words(connection: socket.socket) -> None:
    connection.sendall(b"nonsense\r\n\r\n")

    answer = _to_the_end(connection)

    assert answer.startswith(b"HTTP/1.1 400")
    assert answer.endswith(b"Invalid HTTP request received.")
