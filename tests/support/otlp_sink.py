"""Receives traces over OTLP/HTTP, in protobuf or JSON, and keeps their spans."""

import base64
import gzip
import json
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1 import trace_pb2

from tests.support.http_server import BackgroundServer
from tests.support.waiting import until

Value = str | int | float | bool
DECODERS: Mapping[str, Callable[[bytes], bytes]] = {"gzip": gzip.decompress, "deflate": zlib.decompress}
NOT_FINITE = ("NaN", "Infinity", "-Infinity")
ID_SIZES = {"traceId": 16, "spanId": 8, "parentSpanId": 8}


class Span(NamedTuple):
    """A span with ids in hex. `links` are pairs of trace id and span id; `parent` is empty for a root span."""

    name: str
    kind: str
    trace_id: str
    span_id: str
    parent: str
    links: tuple[tuple[str, str], ...]
    attributes: Mapping[str, Value]
    failed: bool
    resource: Mapping[str, Value]

    @property
    def context(self) -> tuple[str, str]:
        """The trace id and span id, as in a link to this span."""
        return self.trace_id, self.span_id


class OtlpSink(BackgroundServer):
    """Listens on `port`; `raw` is the text of all exports, `requests` are their paths, `headers` those of the last."""

    def __init__(self, port: int) -> None:
        self.endpoint = f"http://127.0.0.1:{port}"
        self.spans: list[Span] = []
        self.raw = ""
        self.requests: list[str] = []
        self.headers: Mapping[str, str] = {}
        server = _Server(("127.0.0.1", port), _Handler)
        server.sink = self
        super().__init__(server)

    def receive(self, path: str, headers: Mapping[str, str], body: bytes) -> None:
        """Stores the spans of one export."""
        export = ExportTraceServiceRequest()
        content = DECODERS.get(headers.get("content-encoding", ""), bytes)(body)
        if headers["content-type"] == "application/json":
            fill(export, json.loads(content))
        else:
            export.ParseFromString(content)
        self.requests.append(path)
        self.headers = headers
        self.raw += str(export)
        for of_process in export.resource_spans:
            resource = _values(of_process.resource.attributes)
            for of_library in of_process.scope_spans:
                self.spans.extend(_span(span, resource) for span in of_library.spans)

    def with_name(self, name: str, **attributes: Value) -> list[Span]:
        """The spans with this name and these attributes; `a__b` means `a.b`."""
        required = {key.replace("__", "."): value for key, value in attributes.items()}
        return [span for span in self.spans if span.name == name and required.items() <= dict(span.attributes).items()]

    def one(self, name: str, **attributes: Value) -> Span:
        """Waits for the only span with this name and these attributes."""
        spans = until(lambda: self.with_name(name, **attributes), f"a span {name} with {attributes}")
        assert len(spans) == 1, (name, attributes, spans, self.spans)
        return spans[0]


def spans_of_payment(spans: Iterable[Span], payment_id: str) -> list[Span]:
    """The spans of all traces that belong to a payment: those that name it, and those linked to them.

    Raises AssertionError if no span names the payment, or if not all spans that name it are linked.
    """
    spans = list(spans)
    with_id = [span for span in spans if span.attributes.get("payments.payment.id") == payment_id]
    assert with_id, f"no span names {payment_id}"
    trace_ids = _linked_traces(spans, with_id[0].trace_id)
    unlinked = [span.name for span in with_id if span.trace_id not in trace_ids]
    assert not unlinked, f"not linked to the others: {unlinked}"
    return [span for span in spans if span.trace_id in trace_ids]


def _linked_traces(spans: Iterable[Span], first: str) -> set[str]:
    """The ids of the traces that links connect with the first trace, in both directions and over several steps."""
    neighbours: defaultdict[str, set[str]] = defaultdict(set)
    for span in spans:
        for trace_id, _ in span.links:
            neighbours[span.trace_id].add(trace_id)
            neighbours[trace_id].add(span.trace_id)
    trace_ids, remaining = {first}, [first]
    while remaining:
        new = neighbours[remaining.pop()] - trace_ids
        trace_ids |= new
        remaining += new
    return trace_ids


def _span(span: trace_pb2.Span, resource: Mapping[str, Value]) -> Span:
    return Span(
        name=span.name,
        kind=trace_pb2.Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        links=tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
        attributes=_values(span.attributes),
        failed=span.status.code == trace_pb2.Status.STATUS_CODE_ERROR,
        resource=resource,
    )


def fill(message: Any, values: Mapping[str, Any]) -> None:
    """Reads OTLP's JSON: ids are in hex, 64-bit integers are strings, and enums are numbers."""
    for name, value in values.items():
        field = message.DESCRIPTOR.fields_by_camelcase_name[name]
        if isinstance(value, list):
            for one in value:
                fill(getattr(message, field.name).add(), one)
        elif isinstance(value, dict):
            getattr(message, field.name).SetInParent()
            fill(getattr(message, field.name), value)
        elif field.type == field.TYPE_BYTES:
            setattr(message, field.name, _bytes(name, value))
        else:
            is_long = field.cpp_type in (field.CPPTYPE_INT64, field.CPPTYPE_UINT64)
            is_text = is_long or field.cpp_type == field.CPPTYPE_STRING or value in NOT_FINITE
            assert isinstance(value, str) == is_text, (name, value)
            number_of = int if is_long else float if field.cpp_type == field.CPPTYPE_DOUBLE else type(value)
            setattr(message, field.name, number_of(value))


def _bytes(name: str, text: str) -> bytes:
    content = bytes.fromhex(text) if name in ID_SIZES else base64.b64decode(text)
    assert len(content) == ID_SIZES.get(name, len(content)), (name, text)
    return content


def _values(attributes: Any) -> dict[str, Value]:
    return {pair.key: _value(pair.value) for pair in attributes}


def _value(value: AnyValue) -> Value:
    content: Value = getattr(value, value.WhichOneof("value") or "string_value")
    return content if isinstance(content, Value) else str(content)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    sink: OtlpSink


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.sink.receive(self.path, headers, self.rfile.read(int(self.headers["Content-Length"])))
        body = ExportTraceServiceResponse().SerializeToString()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Writes no log."""
