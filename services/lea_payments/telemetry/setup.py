"""Starts and stops the log, metrics and traces of a process."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterable, Sequence
from io import BytesIO
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import stamina
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.sampling import Decision, ParentBased, SamplingResult, TraceIdRatioBased
from opentelemetry.trace import Link, SpanKind
from opentelemetry.util.types import Attributes
from prometheus_client import REGISTRY, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer
from stamina.instrumentation import RetryDetails

from lea_payments import __version__, log
from lea_payments.settings import Settings
from lea_payments.telemetry import connections, events
from lea_payments.telemetry.metrics import BUILD

STOP_SECONDS = 5

METRICS_CONNECTIONS, METRICS_SECONDS, METRICS_HEAD_BYTES = 16, 10, 8192
"""How many connections the metrics port has at the same time, and the limits of time and size for each head."""

METRICS_PAUSE_SECONDS = 0.2
"""The least pause between two answers of the metrics port. One takes up to 30 ms of CPU, so all take at most 13 %."""


def start(settings: Settings, service: str) -> None:
    """Starts the log, metrics and traces of a service. Raises OSError if the metrics port is in use."""
    log.configure(settings.log_level, connections.log_lines_dropped)
    stamina.instrumentation.set_on_retry_hooks([_record_retry])
    BUILD.labels(__version__, settings.build_revision).set(1)
    if settings.metrics_port:
        _start_metrics(settings.host, settings.metrics_port)
    if settings.otlp_endpoint:
        _start_traces(settings, service)


def start_for_commands() -> None:
    """Starts the log of a command that a person runs: warnings and errors, on standard error."""
    log.configure_for_commands()
    stamina.instrumentation.set_on_retry_hooks([_record_retry])


def stop() -> None:
    """Exports the spans that are still waiting, for at most 5 s."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        # In a thread with a limit of its own: the provider tries each batch for as long as one export may take.
        shutdown = threading.Thread(target=provider.shutdown, daemon=True)
        shutdown.start()
        shutdown.join(STOP_SECONDS)


class _MetricsServer(ThreadingWSGIServer):
    """Answers a limited number of connections, each in a thread that ends with the process."""

    request_queue_size = 64

    def __init__(self, host: str, port: int) -> None:
        self._room = threading.BoundedSemaphore(METRICS_CONNECTIONS)
        self._open: dict[socket.socket, None] = {}
        self.address_family = socket.getaddrinfo(host or None, port, flags=socket.AI_PASSIVE)[0][0]
        super().__init__((host, port), _MetricsHandler)

    def get_request(self) -> tuple[Any, Any]:
        """Accepts a connection. Without a free file, it waits instead of trying again at once."""
        try:
            return super().get_request()
        except OSError:
            time.sleep(0.1)
            raise

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answers a connection. The oldest one makes room: a scrape takes a moment, so it is not Prometheus."""
        if not self._room.acquire(blocking=False):
            for oldest in [*self._open][:1]:
                with contextlib.suppress(OSError):
                    oldest.shutdown(socket.SHUT_RDWR)
            if not self._room.acquire(timeout=1):
                self.shutdown_request(request)
                return
        self._open[request] = None
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answers a connection, in its thread."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            del self._open[request]
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignores a connection that broke: a traceback on standard error helps nobody."""


class _MetricsHandler(WSGIRequestHandler):
    timeout = METRICS_SECONDS

    def setup(self) -> None:
        """Reads the head with limits for all of it. Raises OSError if it exceeds them."""
        super().setup()
        self.rfile = BytesIO(_head_from(self.request))
        self.request.settimeout(METRICS_SECONDS)

    def log_message(self, *_: object) -> None:
        """Logs no requests."""


def _head_from(connection: socket.socket) -> bytes:
    end = time.monotonic() + METRICS_SECONDS
    head = b""
    while b"\r\n\r\n" not in head:
        connection.settimeout(max(end - time.monotonic(), 0.001))
        piece = connection.recv(METRICS_HEAD_BYTES)
        head += piece
        if not piece or len(head) > METRICS_HEAD_BYTES:
            raise ConnectionAbortedError
    return head


def _one_at_a_time(app: WSGIApplication) -> WSGIApplication:
    """The app with a pause between two answers: many scrapers together take a bounded share of the process's time."""
    lock = threading.Lock()
    free_at = 0.0

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        nonlocal free_at
        with lock:
            time.sleep(max(0.0, free_at - time.monotonic()))
            body = app(environ, start_response)
            free_at = time.monotonic() + METRICS_PAUSE_SECONDS
        return body

    return answer


class _CountingProcessor(BatchSpanProcessor):
    """Exports spans in batches, and counts those that find no place in its queue."""

    def on_end(self, span: ReadableSpan) -> None:
        """Adds a span to the queue. If it is full, its oldest span is lost."""
        queue = self._batch_processor._queue  # noqa: SLF001 - nothing else says that the queue is full
        if len(queue) == queue.maxlen and span.context and span.context.trace_flags.sampled:
            connections.spans_dropped(1)
        super().on_end(span)


class _KeepErrors(TraceIdRatioBased):
    """Samples a share of the new traces, and every span that starts with an error."""

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: trace.TraceState | None = None,
    ) -> SamplingResult:
        if attributes and "error.type" in attributes:
            return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes, trace_state)
        return super().should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)


def _record_retry(details: RetryDetails) -> None:
    events.call_retried(details.name, details.retry_num, details.wait_for, details.caused_by)


def _start_metrics(host: str, port: int) -> None:
    server = _MetricsServer(host, port)
    server.set_app(_one_at_a_time(make_wsgi_app(REGISTRY)))
    threading.Thread(target=server.serve_forever, daemon=True).start()


def _start_traces(settings: Settings, service: str) -> None:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - takes 60 ms

    class CountingExporter(OTLPSpanExporter):
        """Counts the spans that the collector does not accept."""

        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            """Exports a batch."""
            result = super().export(spans)
            if result is not SpanExportResult.SUCCESS:
                connections.spans_dropped(len(spans))
            return result

    resource = Resource.create({"service.name": f"lea-payments-{service}", "service.version": __version__})
    provider = TracerProvider(resource=resource, sampler=ParentBased(_KeepErrors(settings.sampling_ratio)))
    exporter = CountingExporter(endpoint=f"{settings.otlp_endpoint.rstrip('/')}/v1/traces", timeout=5)
    provider.add_span_processor(_CountingProcessor(exporter))
    trace.set_tracer_provider(provider)
