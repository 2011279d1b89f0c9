"""Builds OpenTelemetry's SDK: the sampler, the resource, and the queue of spans in front of their exporter."""

from collections.abc import Sequence

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    Decision,
    ParentBased,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import Link, SpanKind
from opentelemetry.util.types import Attributes

from lea_payments import __version__
from lea_payments.telemetry import connections
from lea_payments.telemetry.tracing import settings as names
from lea_payments.telemetry.tracing.settings import Tracing


def provider_of(tracing: Tracing, service: str) -> TracerProvider:
    """The provider that exports a service's traces."""
    from lea_payments.telemetry.tracing.exporter import exporter_of  # noqa: PLC0415 - takes 60 ms

    provider = TracerProvider(
        resource=_resource(tracing, service),
        sampler=sampler_of(tracing),
        span_limits=SpanLimits(**tracing.limits),
    )
    batches = tracing.batches
    provider.add_span_processor(
        _CountingProcessor(
            exporter_of(tracing.exporting),
            max_queue_size=batches.queue_size,
            schedule_delay_millis=batches.delay_milliseconds,
            max_export_batch_size=batches.size,
        )
    )
    return provider


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


def sampler_of(tracing: Tracing) -> Sampler:
    """The sampler that keeps traces. Only a ratio keeps errors that it would drop: always_off means no trace at all."""
    root: Sampler = _KeepErrors(tracing.ratio)
    if tracing.sampler.endswith(names.ALWAYS_ON):
        root = ALWAYS_ON
    elif tracing.sampler.endswith(names.ALWAYS_OFF):
        root = ALWAYS_OFF
    return ParentBased(root) if tracing.sampler.startswith(names.PARENT_BASED) else root


def _resource(tracing: Tracing, service: str) -> Resource:
    """What the variables say comes before our own names."""
    own = {"service.name": f"lea-payments-{service}", "service.version": __version__}
    return Resource.create({**own, **tracing.resource})
