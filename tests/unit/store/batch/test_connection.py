"""Claim: a connection reads a response in pieces of any size, and ends every request exactly once."""

from itertools import pairwise
from typing import TYPE_CHECKING, cast

import pytest
from botocore.exceptions import BotoCoreError
from hypothesis import given, settings
from hypothesis import strategies as st

from lea_payments.store.batch.connection import BODY_LIMIT, HEAD_LIMIT, Connection, Response
from tests.support.examples import examples

if TYPE_CHECKING:
    import asyncio

BODY = b'{"Responses":[{}]}'
HEAD = b"HTTP/1.1 200 OK\r\n"
PLAIN = HEAD + b"Content-Length: 18\r\n\r\n" + BODY
CHUNKED = (
    HEAD
    + b"Transfer-Encoding: chunked\r\n\r\n3\r\n"
    + BODY[:3]
    + b"\r\nf;a=b\r\n"
    + BODY[3:]
    + b"\r\n0\r\nx-y: z\r\n\r\n"
)
INFORMATIONAL = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"


class _Transport:
    """Keeps what was written."""

    def __init__(self) -> None:
        self.unsent = 0
        self.is_aborted = False

    def write(self, data: bytes) -> None:
        assert data

    def abort(self) -> None:
        self.is_aborted = True

    def is_closing(self) -> bool:
        return self.is_aborted

    def get_write_buffer_size(self) -> int:
        return self.unsent


class _Owner:
    """Keeps how requests ended, and whether the connection could be used again."""

    def __init__(self) -> None:
        self.ends: list[Response | BotoCoreError | None] = []
        self.is_reusable = False

    def answered(self, _: Connection, response: Response, *, is_reusable: bool) -> None:
        self.ends.append(response)
        self.is_reusable = is_reusable

    def failed(self, _: Connection, error: BotoCoreError | None) -> None:
        self.ends.append(error)


class _Client:
    """A connection without a network."""

    def __init__(self) -> None:
        self.owner, self.transport = _Owner(), _Transport()
        self.connection = Connection(self.owner, "http://server")
        self.connection.connection_made(cast("asyncio.Transport", self.transport))

    def receive(self, data: bytes, cuts: list[int]) -> None:
        """Receives the data in pieces."""
        edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
        for start, end in pairwise(edges):
            self.connection.data_received(data[start:end])

    def lose(self) -> None:
        """The server closes the connection."""
        self.connection.eof_received()
        self.connection.connection_lost(None)


REUSABLE = {
    "with a length": PLAIN,
    "chunked": CHUNKED,
    "after informational ones": INFORMATIONAL + PLAIN,
    "HTTP/1.0, kept": b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 18\r\n\r\n" + BODY,
    "empty": HEAD + b"Content-Length: 0\r\n\r\n",
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "large head": HEAD + b"x: y\r\n" * 1000 + b"Content-Length: 18\r\n\r\n" + BODY,
}
LAST = {
    "closed": HEAD + b"Connection: close\r\nContent-Length: 18\r\n\r\n" + BODY,
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\nContent-Length: 18\r\n\r\n" + BODY,
    "with another one": PLAIN + PLAIN,
    "with the start of another one": PLAIN + b"H",
    "with garbage": PLAIN + b"\0",
    "closed, with garbage": HEAD + b"Connection: close\r\nContent-Length: 18\r\n\r\n" + BODY + b"garbage",
}
WITHOUT_LENGTH = {
    "HTTP/1.1": HEAD + b"\r\n" + BODY,
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\n\r\n" + BODY,
    "closed": HEAD + b"Connection: close\r\n\r\n" + BODY,
    "after informational ones": INFORMATIONAL + HEAD + b"\r\n" + BODY,
}
WRONG = {
    "garbage": b"garbage\r\n\r\n",
    "HTTP/2": b"\0\0\x12\x04\0\0\0\0\0",
    "an alert of TLS": b"\x15\x03\x01\0\x02\x02\x46",
    "another protocol": b"220 mail.example ESMTP\r\n",
    "no status": b"HTTP/1.1 \r\n\r\n",
    "a request": b"GET / HTTP/1.1\r\n\r\n",
    "an upgrade": b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
    "a negative length": HEAD + b"Content-Length: -1\r\n\r\n",
    "a length of words": HEAD + b"Content-Length: many\r\n\r\n",
    "two lengths": HEAD + b"Content-Length: 18\r\nContent-Length: 19\r\n\r\n" + BODY,
    "length and chunks": HEAD + b"Content-Length: 18\r\nTransfer-Encoding: chunked\r\n\r\n" + BODY,
    "a chunk without a size": HEAD + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
    "a chunk that goes on": HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nabcd\r\n0\r\n\r\n",
    "a zero in a header": HEAD + b"a: \0\r\n\r\n",
    "a huge head": HEAD + b"x: y\r\n" * (HEAD_LIMIT // 6 + 1),
    "a head without an end": HEAD + b"x: " + b"y" * HEAD_LIMIT,
    "informational ones without an end": b"HTTP/1.1 100 Continue\r\n\r\n" * 4000,
    "a huge body": HEAD + b"\r\n" + bytes(BODY_LIMIT + 1),
}
RESPONSES = [*REUSABLE.values(), *LAST.values(), *WITHOUT_LENGTH.values()]
CUTS = st.lists(st.integers(0, 10_000), max_size=20)


@settings(max_examples=examples(100, 3000))
@given(st.lists(st.tuples(st.sampled_from([*REUSABLE.values()]), CUTS), min_size=1, max_size=4))
def test_one_connection_reads_responses_in_any_pieces(responses: list[tuple[bytes, list[int]]]) -> None:
    client = _Client()

    for data, cuts in responses:
        client.connection.send(b"request")
        client.receive(data, cuts)

        assert client.owner.is_reusable
    assert [_content(each) for each in client.owner.ends] == [_expected(data) for data, _ in responses]


def _content(end: object) -> bytes:
    assert isinstance(end, Response)
    return end.content


def _expected(data: bytes) -> bytes:
    return BODY if BODY[3:] in data else b""


@pytest.mark.parametrize("data", LAST.values(), ids=LAST)
def test_a_connection_is_not_used_after_its_last_response(data: bytes) -> None:
    client = _Client()
    client.connection.send(b"request")
    client.receive(data, [])

    assert client.owner.ends == [Response(200, BODY)]
    assert not client.owner.is_reusable


@pytest.mark.parametrize("data", LAST.values(), ids=LAST)
def test_data_that_nobody_asked_for_ends_the_connection(data: bytes) -> None:
    """The response is the first one, and what arrives after it is nobody's."""
    client = _Client()
    client.connection.send(b"request")
    client.receive(data, [*range(len(data))])
    client.connection.data_received(b"H")

    assert client.owner.ends[0] == Response(200, BODY)
    assert client.owner.ends[1:] == [None]
    assert client.transport.is_aborted


@settings(max_examples=examples(50, 1000))
@given(st.sampled_from([*WITHOUT_LENGTH.values()]), CUTS)
def test_a_response_without_a_length_ends_with_its_connection(data: bytes, cuts: list[int]) -> None:
    client = _Client()
    client.connection.send(b"request")
    client.receive(data, cuts)
    ends_before = [*client.owner.ends]
    client.lose()

    assert (ends_before, client.owner.ends[0]) == ([], Response(200, BODY))
    assert not client.owner.is_reusable


def test_an_early_response_leaves_a_request_that_is_not_sent() -> None:
    client = _Client()
    client.connection.send(b"request")
    client.transport.unsent = 1
    client.receive(PLAIN, [])

    assert client.owner.ends == [Response(200, BODY)]
    assert not client.owner.is_reusable


@settings(max_examples=examples(100, 3000))
@given(st.sampled_from([*REUSABLE.values(), LAST["closed"], LAST["HTTP/1.0"]]), st.integers(0, 5000), CUTS)
def test_a_response_that_is_cut_off_fails(data: bytes, length: int, cuts: list[int]) -> None:
    client = _Client()
    client.connection.send(b"request")
    client.receive(data[: length % len(data)], cuts)
    client.lose()

    [end] = client.owner.ends
    assert isinstance(end, BotoCoreError)


@pytest.mark.parametrize("data", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("size", [1 << 30, 4096], ids=["at once", "in pieces"])
def test_what_is_no_response_fails_at_once(data: bytes, size: int) -> None:
    client = _Client()
    client.connection.send(b"request")
    for start in range(0, len(data), size):
        client.connection.data_received(data[start : start + size])

    [end] = client.owner.ends
    assert isinstance(end, BotoCoreError)
    assert client.transport.is_aborted


@settings(max_examples=examples(200, 10_000))
@given(st.sampled_from(RESPONSES), st.integers(0, 10_000), st.binary(max_size=8), CUTS)
def test_every_request_ends_exactly_once(data: bytes, place: int, change: bytes, cuts: list[int]) -> None:
    """Whatever is changed in a response."""
    place %= len(data) + 1
    client = _Client()
    client.connection.send(b"request")
    client.receive(data[:place] + change + data[place + len(change) :], cuts)
    client.lose()

    first, *others = client.owner.ends
    assert isinstance(first, Response | BotoCoreError)
    assert others in ([], [None])


def test_an_aborted_connection_says_nothing_more() -> None:
    client = _Client()
    client.connection.send(b"request")
    was_usable = client.connection.is_usable
    client.connection.abort()
    client.connection.abort()
    client.receive(PLAIN, [])
    client.lose()

    assert (was_usable, client.connection.is_usable) == (True, False)
    assert client.owner.ends == []
