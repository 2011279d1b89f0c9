"""Claim: each response has one result, and the next call works, on the same connection only if that is safe."""

import asyncio

import pytest
from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError

from tests.support.batch_client import BODY, OK, RESPONSES, STATEMENTS, Result, batch_call, result_of
from tests.support.raw_server import CLOSE, HANG, RESET, Answer, RawServer, http

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
CHUNKS = b"5\r\n" + BODY[:5] + b"\r\n%x\r\n" % len(BODY[5:]) + BODY[5:] + b"\r\n0\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

KEPT = {
    "with a length": OK,
    "in single bytes": Answer([OK[index : index + 1] for index in range(len(OK))]),
    "chunked": Answer([CHUNKED, *(CHUNKS[index : index + 7] for index in range(0, len(CHUNKS), 7))]),
    "after 100 Continue": Answer([CONTINUE, CONTINUE, OK]),
    "HTTP/1.0 with keep-alive": http(BODY, "Connection: keep-alive", version="1.0"),
    "with a large head": http(BODY, *["X-Large: " + "y" * 4000] * 15),
}
NOT_KEPT = {
    "with Connection: close": Answer([http(BODY, "Connection: close")], CLOSE),
    "closed without a word": Answer([OK], CLOSE),
    "HTTP/1.0": Answer([http(BODY, version="1.0")], CLOSE),
    "without a length": Answer([http(BODY, length=False)], CLOSE),
    "without a length after 100 Continue": Answer([CONTINUE + http(BODY, length=False)], CLOSE),
    "two of them": OK + OK,
    "with data after it": OK + b"data",
}
BROKEN = {
    "nothing": Answer([], CLOSE),
    "a reset": Answer([], RESET),
    "a half head": Answer([OK[:20]], CLOSE),
    "a head only": Answer([OK[: -len(BODY)]], CLOSE),
    "a half body": Answer([OK[:-5]], CLOSE),
    "a half body and a reset": Answer([OK[:-5]], RESET),
    "a half body that was to end": Answer([http(BODY, "Connection: close")[:-5]], CLOSE),
    "half the chunks": Answer([CHUNKED + CHUNKS[:12]], CLOSE),
    "all chunks without the last": Answer([CHUNKED + CHUNKS[:-5]], CLOSE),
    "garbage": b"\0garbage",
    "an upgrade": b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
    "a head without an end": HEAD + b"x: y\r\n" * 20_000,
    "a body without an end": Answer([HEAD + b"\r\n", *[bytes(1 << 20)] * 17], HANG),
}
HANGING = {
    "before the head": Answer([], HANG),
    "in the head": Answer([OK[:20]], HANG),
    "in the body": Answer([OK[:-5]], HANG),
    "in the chunks": Answer([CHUNKED + CHUNKS[:12]], HANG),
    "after 100 Continue": Answer([CONTINUE], HANG),
    "without a length": Answer([http(BODY, length=False)], HANG),
}
UNREADABLE = {
    "not JSON": b"<html>",
    "half of the JSON": BODY[:-4],
    "another type": b"[]",
    "no responses": b"{}",
    "too few": b'{"Responses":[]}',
    "too many": b'{"Responses":[{},{}]}',
    "empty": b"",
    "compressed": b"\x1f\x8b\x08\0",
}


@pytest.mark.parametrize("answer", KEPT.values(), ids=KEPT)
async def test_a_connection_is_used_again(answer: Answer | bytes) -> None:
    async with RawServer(answer, OK) as server, batch_call(server.url) as call:
        results = [await result_of(call) for _ in range(3)]

        assert results == [RESPONSES] * 3
        assert [each.connection for each in server.requests] == [1, 1, 1]


@pytest.mark.parametrize("answer", NOT_KEPT.values(), ids=NOT_KEPT)
async def test_a_connection_is_not_used_again(answer: Answer | bytes) -> None:
    async with RawServer(answer, OK) as server, batch_call(server.url) as call:
        first = await result_of(call)
        if isinstance(answer, Answer):
            await server.end(1)
        results = [await result_of(call) for _ in range(2)]

        assert [first, *results] == [RESPONSES] * 3
        assert [each.connection for each in server.requests] == [1, 2, 2]


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
async def test_a_broken_response_fails_and_the_next_call_works(answer: Answer | bytes) -> None:
    async with RawServer(answer, OK) as server, batch_call(server.url) as call:
        first = await result_of(call)
        second = await result_of(call)

        assert isinstance(first, HTTPClientError)
        assert second == RESPONSES
        assert [each.connection for each in server.requests] == [1, 2]


async def test_a_response_that_hangs_fails_in_time() -> None:
    """All cases at the same time, because each takes a second."""
    results = dict(zip(HANGING, await asyncio.gather(*map(_hang_and_go_on, HANGING.values())), strict=True))

    assert results == dict.fromkeys(HANGING, ("ReadTimeoutError", RESPONSES, [1, 2]))


async def _hang_and_go_on(answer: Answer) -> tuple[str, Result, list[int]]:
    """The error of a call, the result of the next one, and their connections."""
    async with RawServer(answer, OK) as server, batch_call(server.url) as call:
        first = await result_of(call)
        second = await result_of(call)
        return type(first).__name__, second, [each.connection for each in server.requests]


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
async def test_an_unreadable_body_is_an_incomplete_read(body: bytes) -> None:
    async with RawServer(http(body), OK) as server, batch_call(server.url) as call:
        first = await result_of(call)
        second = await result_of(call)

        assert isinstance(first, IncompleteReadError)
        assert second == RESPONSES


@pytest.mark.parametrize(
    ("status", "connections"),
    [("400 Bad Request", [1, 1]), ("500 Internal Server Error", [1, 2]), ("503 Service Unavailable", [1, 2])],
)
async def test_after_an_internal_error_another_connection_is_used(status: str, connections: list[int]) -> None:
    error = b'{"__type":"com.amazonaws.dynamodb.v20120810#Some","message":"not now"}'
    async with RawServer(http(error, status=status), OK) as server, batch_call(server.url) as call:
        first = await result_of(call)
        second = await result_of(call)

        assert isinstance(first, ClientError)
        assert first.response["Error"] == {"Code": "Some", "Message": "not now"}
        assert first.response["ResponseMetadata"]["HTTPStatusCode"] == int(status[:3])
        assert second == RESPONSES
        assert [each.connection for each in server.requests] == connections


async def test_an_early_response_ends_the_connection() -> None:
    """The server answers without reading the body, which is too large for the buffers on the way."""
    early = Answer([http(b"{}", status="413 Content Too Large")], is_early=True)
    statement = (STATEMENTS[0][0], [{"S": "x" * 16_000_000}])
    async with RawServer(early, OK) as server, batch_call(server.url) as call:
        with pytest.raises(ClientError):
            await call([statement])
        second = await result_of(call)

        assert second == RESPONSES
        assert [each.connection for each in server.requests] == [1, 2]


async def test_a_large_request_arrives_complete() -> None:
    statement = (STATEMENTS[0][0], [{"S": "x" * 2_000_000}])
    async with RawServer(OK) as server, batch_call(server.url) as call:
        await call([statement])

        assert len(server.requests[0].body) > 2_000_000
