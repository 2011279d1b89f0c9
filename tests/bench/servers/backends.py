"""Stands in for DynamoDB and the trace collector: answers at once, stores nothing, and counts.

`python -m tests.bench.servers.backends DYNAMODB_PORT COLLECTOR_PORT`. `GET /report` on the first port returns the
counts since the last report, as JSON.
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


class BackendCounts(msgspec.Struct):
    """The key of each accepted write, the number of calls with writes, and the number of exported spans."""

    keys: list[str] = []
    calls: int = 0
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
    """A complete HTTP response, with the checksum that botocore verifies."""
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
        f"x-amzn-RequestId: BENCH\r\nx-amz-crc32: {zlib.crc32(body)}\r\n\r\n"
    )
    return head.encode() + body


def dynamodb_answer(body: bytes, status: str = "200 OK") -> bytes:
    """A response in DynamoDB's format."""
    return answer(status, body, "application/x-amz-json-1.0")


_EMPTY = dynamodb_answer(b"{}")
_COLLECTED = answer("200 OK", b"", "application/x-protobuf")
_DUPLICATES = dynamodb_answer(
    b'{"__type":"com.amazon.coral.validate#ValidationException",'
    b'"message":"Provided list of item keys contains duplicates"}',
    "400 Bad Request",
)


@lru_cache
def _batch_answer(count: int) -> bytes:
    return dynamodb_answer(msgspec.json.encode({"Responses": [{"TableName": "lea-payments-local"}] * count}))


@lru_cache
def _key_index(statement: str) -> int:
    """The index of the item's key among the parameters of a statement."""
    return statement.partition(f"{KEY}=?")[0].count("?")


class Backends:
    """Both stand-ins, with common counts."""

    def __init__(self) -> None:
        self._counts = BackendCounts()
        self._traces: list[bytes] = []

    def dynamodb(self, target: bytes, body: bytes) -> bytes:
        """Answers one call of DynamoDB's API, or the request for the report."""
        operation = target.rpartition(b".")[2]
        if operation == b"batchexecutestatement":
            statements = _decode_batch(body).Statements
            keys = [str(each.Parameters[_key_index(each.Statement)].S) for each in statements]
            return self._accept(keys, _batch_answer(len(keys)))
        if operation == b"updateitem":
            return self._accept([str(_decode_update(body).Key[KEY].S)], _EMPTY)
        if operation == b"getitem":
            return _EMPTY
        return answer("200 OK", self._report(), "application/json")

    def _accept(self, keys: list[str], response: bytes) -> bytes:
        if len(set(keys)) != len(keys):
            return _DUPLICATES
        self._counts.keys += keys
        self._counts.calls += 1
        return response

    def collector(self, _: bytes, body: bytes) -> bytes:
        """Answers one export of traces; the spans are counted later, when nothing is measured."""
        self._traces.append(body)
        return _COLLECTED

    def _report(self) -> bytes:
        counts, self._counts = self._counts, BackendCounts()
        traces, self._traces = self._traces, []
        counts.spans = sum(map(_spans_in, traces))
        return msgspec.json.encode(counts)


class _Scope(msgspec.Struct):
    spans: list[msgspec.Raw]


class _Resource(msgspec.Struct, rename="camel"):
    scope_spans: list[_Scope]


class _JsonExport(msgspec.Struct, rename="camel"):
    resource_spans: list[_Resource]


def _spans_in(export: bytes) -> int:
    """The number of spans in an export, in OTLP's binary or JSON encoding."""
    is_json = export.startswith(b"{")
    request = msgspec.json.decode(export, type=_JsonExport) if is_json else ExportTraceServiceRequest.FromString(export)
    return sum(len(scope.spans) for resource in request.resource_spans for scope in resource.scope_spans)


class _ServerConnection(asyncio.Protocol):
    """One keep-alive connection. Requests need a Content-Length."""

    def __init__(self, handle: Callable[[bytes, bytes], bytes]) -> None:
        self._handle = handle
        self._unread = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's class is not a subclass of it

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
        await loop.create_server(partial(_ServerConnection, handle), "127.0.0.1", port)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(_serve(map(int, sys.argv[1:])))
