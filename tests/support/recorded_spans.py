"""Records the spans of this process in memory."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from lea_payments.telemetry.tracing.provider import Provider
from lea_payments.telemetry.tracing.settings import read_tracing

_exporter = InMemorySpanExporter()


@contextmanager
def recorded_spans() -> Iterator[InMemorySpanExporter]:
    """Yields the exporter that receives every span that ends in the block."""
    # OpenTelemetry accepts one provider per process, so all tests share it.
    if not isinstance(trace.get_tracer_provider(), TracerProvider):
        provider = Provider(read_tracing({}), Resource.create({}))
        provider.add_span_processor(SimpleSpanProcessor(_exporter))
        trace.set_tracer_provider(provider)
    _exporter.clear()
    yield _exporter
    _exporter.clear()


def span_named(exporter: InMemorySpanExporter, name: str) -> ReadableSpan:
    """The only span with this name."""
    spans: Sequence[ReadableSpan] = [span for span in exporter.get_finished_spans() if span.name == name]
    assert len(spans) == 1, (name, exporter.get_finished_spans())
    return spans[0]
