"""Starting and stopping logs, metrics and traces of a process; what is told through them stands in telemetry.py."""

import threading
from collections.abc import Sequence

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import Decision, ParentBased, Sampler, SamplingResult, TraceIdRatioBased
from opentelemetry.trace import Link, SpanKind
from opentelemetry.util.types import Attributes
from prometheus_client import start_http_server

from lea_payments import __version__, log
from lea_payments.settings import Settings
from lea_payments.telemetry.metrics import BUILD

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
    log.configure(settings.log_level)
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


def _start_traces(settings: Settings, part: str) -> None:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - 60 ms

    resource = Resource.create({"service.name": f"lea-payments-{part}", "service.version": __version__})
    sampler = ParentBased(_KeepErrors(settings.sampling_ratio))
    provider = TracerProvider(resource=resource, sampler=sampler)
    exporter = OTLPSpanExporter(endpoint=f"{settings.otlp_endpoint.rstrip('/')}/v1/traces", timeout=5)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
