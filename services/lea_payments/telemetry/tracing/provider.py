"""Builds OpenTelemetry's SDK: the sampler, the resource, and the queue of spans in front of their exporter."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from opentelemetry import trace
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    Decision,
    ParentBased,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.sdk.util import BoundedList
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode
from opentelemetry.util.types import Attributes

from lea_payments import __version__
from lea_payments.telemetry.tracing import settings as names
from lea_payments.telemetry.tracing.queue import SpanQueue
from lea_payments.telemetry.tracing.recorded import SAMPLED, RecordedSpan
from lea_payments.telemetry.tracing.settings import Tracing

ALL_IDS = 2**64
"""More than the lower half of any trace id, which decides whether a ratio keeps the trace."""

SCOPE = InstrumentationScope("lea_payments", __version__)
_UNSET, _FAILED = Status(StatusCode.UNSET), Status(StatusCode.ERROR)


class Provider(TracerProvider):
    """Creates spans as the SDK does, and records spans that have ended without creating them first.

    A delivery has no span before it is answered: the SDK needs 7 µs for a span, and a recorded one 1 µs.
    """

    def __init__(self, tracing: Tracing, resource: Resource) -> None:
        limits = SpanLimits(**tracing.limits)
        super().__init__(resource=resource, sampler=sampler_of(tracing), span_limits=limits)
        self._roots = roots_of(tracing)
        self._length_limit = limits.max_span_attribute_length
        self._attributes_limit = _number(limits.max_span_attributes)
        self._links_limit = _number(limits.max_links)
        self.export_recorded: Callable[[RecordedSpan], None] | None = None
        """Exports a span without the SDK's objects."""

    @property
    def keeps_errors(self) -> bool:
        """Whether a trace that was dropped is kept from the moment that it fails."""
        return self._roots.keeps_errors

    def samples(self, trace_id: int) -> bool:
        """Whether the sampler keeps a new trace with this id."""
        return trace_id % ALL_IDS < self._roots.bound

    def record(self, span: RecordedSpan) -> None:
        """Exports a span that has ended."""
        if self.export_recorded is not None and self._is_within_limits(span):
            self.export_recorded(span)
        else:
            self._active_span_processor.on_end(self.readable(span))

    def readable(self, span: RecordedSpan) -> ReadableSpan:
        """The span as the SDK would have made it, within its limits."""
        limits = self._span_limits
        context_of = partial(SpanContext, span.trace_id, is_remote=False, trace_flags=SAMPLED)
        return ReadableSpan(
            span.common.name,
            context_of(span.span_id),
            None if span.parent_id is None else context_of(span.parent_id),
            self.resource,
            BoundedAttributes(limits.max_span_attributes, span.all_attributes, max_value_len=self._length_limit),
            (),
            BoundedList.from_seq(limits.max_links, [Link(link.context()) for link in span.links]),
            span.common.kind,
            None,
            _FAILED if span.failed else _UNSET,
            span.started_ns,
            span.ended_ns,
            SCOPE,
        )

    def _is_within_limits(self, span: RecordedSpan) -> bool:
        return (
            self._length_limit is None
            and len(span.common.attributes) + len(span.attributes) <= self._attributes_limit
            and len(span.links) <= self._links_limit
        )


def _number(limit: int | None) -> float:
    return math.inf if limit is None else limit


def provider_of(tracing: Tracing, service: str) -> TracerProvider:
    """The provider that exports a service's traces."""
    from lea_payments.telemetry.tracing.exporter import OtlpExporter  # noqa: PLC0415 - only if spans are exported

    provider = Provider(tracing, _resource(tracing, service))
    exporter = OtlpExporter(tracing.exporting, provider.resource)
    queue = SpanQueue(exporter, tracing.batches)
    provider.add_span_processor(queue)
    if exporter.encode_recorded is not None:
        provider.export_recorded = partial(queue.add, exporter.encode_recorded)
    return provider


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


class Roots(NamedTuple):
    """Which new traces a sampler keeps: those whose lower half of the id is below `bound`, and maybe failed ones."""

    bound: int
    keeps_errors: bool


def roots_of(tracing: Tracing) -> Roots:
    """What `sampler_of` decides about new traces, without its objects: 0.1 µs instead of 1."""
    if tracing.sampler.endswith(names.ALWAYS_ON):
        return Roots(ALL_IDS, keeps_errors=True)
    if tracing.sampler.endswith(names.ALWAYS_OFF):
        return Roots(0, keeps_errors=False)
    return Roots(TraceIdRatioBased.get_bound_for_rate(tracing.ratio), keeps_errors=True)


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
