from collections.abc import Sequence

import pytest
from starlette.types import Message, Receive, Scope

from lea_payments.serving.body import BodyIncompleteError, BodyTooLargeError, header, read_body

LIMIT = 10


def request(messages: Sequence[Message], length: str | None = None) -> tuple[Scope, Receive]:
    """A request whose body arrives as these messages, with this Content-Length."""
    remaining = iter(messages)

    async def receive() -> Message:
        return next(remaining)

    headers = [] if length is None else [(b"content-length", length.encode("latin-1"))]
    return {"type": "http", "headers": headers}, receive


def chunk(body: bytes, *, more: bool = False) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


@pytest.mark.parametrize(("name", "value"), [(b"a", "1"), (b"b", "\xe9"), (b"c", None)])
def test_the_first_header_of_a_name_counts(name: bytes, value: str | None) -> None:
    scope = {"headers": [(b"a", b"1"), (b"b", b"\xe9"), (b"a", b"2")]}

    assert header(scope, name) == value


@pytest.mark.parametrize(
    "length", [None, "10", "not a number", "\xb2"], ids=["no length", "right length", "text", "other digits"]
)
async def test_the_chunks_are_joined(length: str | None) -> None:
    chunks = [chunk(b"12345", more=True), chunk(b"67890")]

    assert await read_body(*request(chunks, length), LIMIT) == b"1234567890"


async def test_an_empty_message_is_an_empty_body() -> None:
    assert await read_body(*request([{"type": "http.request"}]), LIMIT) == b""


@pytest.mark.parametrize("length", ["11", "9" * 5000], ids=["one over", "huge"])
async def test_a_declared_length_over_the_limit_is_not_read(length: str) -> None:
    with pytest.raises(BodyTooLargeError):
        await read_body(*request([], length), LIMIT)


async def test_reading_stops_at_the_limit() -> None:
    with pytest.raises(BodyTooLargeError):
        await read_body(*request([chunk(b"1" * 11, more=True)]), LIMIT)


async def test_a_closed_connection_is_an_incomplete_body() -> None:
    with pytest.raises(BodyIncompleteError):
        await read_body(*request([chunk(b"1", more=True), {"type": "http.disconnect"}]), LIMIT)
