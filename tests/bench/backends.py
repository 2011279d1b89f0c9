"""What a receiver talks to, answering at once: DynamoDB and a collector of traces; stores nothing, only counts.

`python -m tests.bench.backends DYNAMODB_PORT COLLECTOR_PORT`. `POST /report` on the first port tells what was
written since the last report.
"""

import asyncio
import sys
import zlib
from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from typing import cast

import msgspec
import uvloop
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

KEY = "payment_intent_id"


class Report(msgspec.Struct):
    """The key of every accepted write, and the calls that carried them; the bytes and spans of exported traces."""

    keys: list[str] = []
    calls: int = 0
    trace_calls: int = 0
    spans: int = 0


class _Value(msgspec.Struct):
    S: str | None = None


class _Statement(msgspec.Struct):
    Statement: str
    Parameters: list[_Value]


class _Batch(msgspec.Struct):
    Statements: list[_Statement]


class _Update(msgspec.Struct):
    Key: dict[str, _Value]


_decode_batch = msgspec.json.Decoder(_Batch).decode
_decode_update = msgspec.json.Decoder(_Update).decode


def answer(status: str, body: bytes, content_type: str) -> bytes:
    """A whole HTTP response, with the checksum that botocore verifies."""
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
        f"x-amzn-RequestId: BENCH\r\nx-amz-crc32: {zlib.crc32(body)}\r\n\r\n"
    )
    return head.encode() + body


def dynamodb_answer(body: bytes, status: str = "200 OK") -> bytes:
    """A response as DynamoDB gives it."""
    return answer(status, body, "application/x-amz-json-1.0")


_EMPTY = dynamodb_answer(b"{}")
_COLLECTED = answer("200 OK", b"", "application/x-protobuf")
_DUPLICATES = dynamodb_answer(
    b'{"__type":"com.amazon.coral.validate#ValidationException",'
    b'"message":"Provided list of item keys contains duplicates"}',
    "400 Bad Request",
)


@lru_cache
def _written(count: int) -> bytes:
    return dynamodb_answer(msgspec.json.encode({"Responses": [{"TableName": "lea-payments-local"}] * count}))


@lru_cache
def _place_of_key(statement: str) -> int:
    """Which of a statement's parameters is the item's key."""
    return statement.partition(f"{KEY}=?")[0].count("?")


class Backends:
    """Both services; one report for the two."""

    def __init__(self) -> None:
        self._seen = Report()
        self._traces: list[bytes] = []

    def dynamodb(self, target: bytes, body: bytes) -> bytes:
        """The answer to one call of DynamoDB's API, or the report."""
        operation = target.rpartition(b".")[2]
        if operation == b"batchexecutestatement":
            statements = _decode_batch(body).Statements
            keys = [str(each.Parameters[_place_of_key(each.Statement)].S) for each in statements]
            return self._accept(keys, _written(len(keys)))
        if operation == b"updateitem":
            return self._accept([str(_decode_update(body).Key[KEY].S)], _EMPTY)
        if operation == b"getitem":
            return _EMPTY
        return answer("200 OK", self._report(), "application/json")

    def _accept(self, keys: list[str], response: bytes) -> bytes:
        if len(set(keys)) != len(keys):
            return _DUPLICATES
        self._seen.keys += keys
        self._seen.calls += 1
        return response

    def collector(self, _: bytes, body: bytes) -> bytes:
        """The answer to one export of traces; they are counted later, when nobody is being measured."""
        self._traces.append(body)
        return _COLLECTED

    def _report(self) -> bytes:
        seen, self._seen = self._seen, Report()
        traces, self._traces = self._traces, []
        seen.trace_calls, seen.spans = len(traces), sum(map(_spans_in, traces))
        return msgspec.json.encode(seen)


def _spans_in(export: bytes) -> int:
    request = ExportTraceServiceRequest.FromString(export)
    return sum(len(scope.spans) for resource in request.resource_spans for scope in resource.scope_spans)


class _Connection(asyncio.Protocol):
    """One keep-alive connection: requests with a Content-Length in, whole answers out."""

    def __init__(self, handle: Callable[[bytes, bytes], bytes]) -> None:
        self._handle = handle
        self._unread = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's does not say so itself

    def data_received(self, data: bytes) -> None:
        self._unread += data
        while (end := self._unread.find(b"\r\n\r\n")) >= 0:
            headers, start = self._unread[:end].lower(), end + 4
            end = start + int(_header(headers, b"content-length") or 0)
            if len(self._unread) < end:
                return
            body, self._unread = self._unread[start:end], self._unread[end:]
            self._transport.write(self._handle(_header(headers, b"x-amz-target"), body))


def _header(headers: bytes, name: bytes) -> bytes:
    return headers.partition(b"\r\n" + name + b":")[2].partition(b"\r\n")[0].strip()


async def _serve(ports: Iterable[int]) -> None:
    backends = Backends()
    loop = asyncio.get_running_loop()
    for port, handle in zip(ports, (backends.dynamodb, backends.collector), strict=True):
        await loop.create_server(partial(_Connection, handle), "127.0.0.1", port)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(_serve(map(int, sys.argv[1:])))
