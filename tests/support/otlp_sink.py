"""A collector of traces, as far as tests need one: a real HTTP server that takes OTLP and shows the spans."""

from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1 import trace_pb2

from tests.support.served import Served
from tests.support.waiting import until

Value = str | int | float | bool


class Span(NamedTuple):
    """One span; ids are in hex, `links` are pairs of a trace's and a span's, `parent` is empty for the first one."""

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
    def place(self) -> tuple[str, str]:
        """What a link to this span says."""
        return self.trace_id, self.span_id


class OtlpSink(Served):
    """Listens on `port`; `raw` is all that came, as text."""

    def __init__(self, port: int) -> None:
        self.endpoint = f"http://127.0.0.1:{port}"
        self.spans: list[Span] = []
        self.raw = ""
        self.requests: list[str] = []
        server = _Server(("127.0.0.1", port), _Handler)
        server.sink = self
        super().__init__(server)

    def take(self, path: str, body: bytes) -> None:
        """One export of a process."""
        export = ExportTraceServiceRequest()
        export.ParseFromString(body)
        self.requests.append(path)
        self.raw += str(export)
        for of_process in export.resource_spans:
            resource = _values(of_process.resource.attributes)
            for of_library in of_process.scope_spans:
                self.spans.extend(_span(span, resource) for span in of_library.spans)

    def named(self, name: str, **attributes: Value) -> list[Span]:
        """The spans of this name that carry these attributes; `a__b` stands for `a.b`."""
        wanted = {key.replace("__", "."): value for key, value in attributes.items()}
        return [span for span in self.spans if span.name == name and wanted.items() <= dict(span.attributes).items()]

    def one(self, name: str, **attributes: Value) -> Span:
        """The one span of this name with these attributes, waited for."""
        spans = until(lambda: self.named(name, **attributes), f"a span {name} with {attributes}")
        assert len(spans) == 1, (name, attributes, spans, self.spans)
        return spans[0]


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


def _values(attributes: Any) -> dict[str, Value]:
    return {pair.key: _value(pair.value) for pair in attributes}


def _value(value: AnyValue) -> Value:
    found: Value = getattr(value, value.WhichOneof("value") or "string_value")
    return found if isinstance(found, Value) else str(found)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    sink: OtlpSink


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        self.server.sink.take(self.path, self.rfile.read(int(self.headers["Content-Length"])))
        body = ExportTraceServiceResponse().SerializeToString()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""
