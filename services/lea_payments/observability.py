"""Starting and stopping logs, metrics and traces of a process; what is told through them stands in telemetry.py."""

import asyncio
import logging
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import structlog
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import Decision, ParentBased, Sampler, SamplingResult, TraceIdRatioBased
from opentelemetry.trace import Link, SpanKind
from opentelemetry.util.types import Attributes
from prometheus_client import start_http_server

from lea_payments import __version__
from lea_payments.metrics import BUILD
from lea_payments.settings import Settings
from lea_payments.telemetry import log

TALKATIVE = ("boto3", "botocore", "stripe", "urllib3")
"""Below warnings these write down whole requests, and with them customers' data."""

STOP_SECONDS = 5


class _KeepErrors(Sampler):
    """A share of the new traces, and every span that is started with an error to tell."""

    def __init__(self, ratio: float) -> None:
        self._ratio = TraceIdRatioBased(ratio)

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
        return self._ratio.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)

    def get_description(self) -> str:
        return f"KeepErrors({self._ratio.get_description()})"


def start(settings: Settings, part: str, revision: str = "") -> None:
    """Starts logs, metrics and traces of this process. Raises OSError when the port of the metrics is in use."""
    _start_logs(settings.log_level)
    BUILD.labels(__version__, revision).set(1)
    if settings.metrics_port:
        start_http_server(settings.metrics_port, settings.host)
    if settings.otlp_endpoint:
        _start_traces(settings, part)


def stop() -> None:
    """Sends the spans that still wait, and gives up after 5 s."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        # The provider's own limits do not hold: it tries each batch of spans for as long as one export may take.
        last = threading.Thread(target=provider.shutdown, daemon=True)
        last.start()
        last.join(STOP_SECONDS)


def _start_logs(level: str) -> None:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(serializer=_json),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level.lower()),
        logger_factory=_Lines,
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_ToStructlog()], level=level.upper(), force=True)
    for library in TALKATIVE:
        logging.getLogger(library).setLevel(logging.WARNING)


def for_a_person() -> None:
    """Logs of a command that a person runs: warnings and worse, apart from what it prints."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger("warning"),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


class _Lines:
    """Writes lines to standard output, those of one turn of the event loop in one go."""

    def __init__(self, *_: Any) -> None:
        self._waiting: list[bytes] = []

    def msg(self, line: bytes) -> None:
        """Takes one line; outside of an event loop it is written at once."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            _write([line])
            return
        self._waiting.append(line)
        if len(self._waiting) == 1:
            loop.call_soon(self._flush)

    debug = info = warning = error = critical = msg

    def _flush(self) -> None:
        lines, self._waiting = self._waiting, []
        _write(lines)


def _write(lines: Sequence[bytes]) -> None:
    sys.stdout.buffer.write(b"\n".join((*lines, b"")))
    sys.stdout.buffer.flush()


class _ToStructlog(logging.Handler):
    """What libraries log becomes a line of ours."""

    def emit(self, record: logging.LogRecord) -> None:
        log.log(record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info)


def _json(line: Mapping[str, Any], **_: Any) -> bytes:
    return msgspec.json.encode(line, enc_hook=str)


def _start_traces(settings: Settings, part: str) -> None:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - 60 ms

    resource = Resource.create({"service.name": f"lea-payments-{part}", "service.version": __version__})
    sampler = ParentBased(_KeepErrors(settings.sampling_ratio))
    provider = TracerProvider(resource=resource, sampler=sampler)
    exporter = OTLPSpanExporter(endpoint=f"{settings.otlp_endpoint.rstrip('/')}/v1/traces", timeout=5)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
