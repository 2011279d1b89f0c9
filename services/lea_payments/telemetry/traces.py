"""The traces of deliveries: ids from the start, and spans that are recorded when they have ended, if they are kept."""

import random
import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager

from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, TraceFlags

from lea_payments.telemetry.tracing.provider import Provider
from lea_payments.telemetry.tracing.recorded import SAMPLED, CommonParts, LinkedSpan, RecordedSpan

_DROPPED = TraceFlags(TraceFlags.RANDOM_TRACE_ID)
_TRACEPARENT = re.compile(r"[ \t]*([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[^\n]*|[ \t]*)\n?")
_TRACEPARENT_LIMIT = 512
_INVALID_VERSION = "ff"


class Trace:
    """The ids of one operation's trace. Nothing else exists before its spans end. Without a tracer the ids are 0."""

    __slots__ = ("hex_id", "is_sampled", "span_id", "trace_id")

    def __init__(self, trace_id: int, span_id: int, is_sampled: bool) -> None:  # noqa: FBT001 - faster than a keyword
        self.trace_id, self.span_id, self.is_sampled = trace_id, span_id, is_sampled
        self.hex_id = "%032x" % trace_id if trace_id else None  # noqa: UP031 - two thirds of the time of an f-string
        """The trace id in hex, or None if there is no trace."""

    @property
    def exemplar(self) -> dict[str, str] | None:
        """The exemplar that joins a metric's sample to this trace, or None if it is not sampled."""
        return {"trace_id": self.hex_id} if self.is_sampled and self.hex_id else None

    def context(self) -> SpanContext:
        """What names its first span for the SDK."""
        flags = SAMPLED if self.is_sampled else _DROPPED
        return SpanContext(self.trace_id, self.span_id, is_remote=False, trace_flags=flags)


def new_span_id() -> int:
    """A random id."""
    return random.getrandbits(64) or 1


def new_trace() -> Trace:
    """A trace of its own for an operation that starts. The sampler decides whether it is kept."""
    provider = trace.get_tracer_provider()
    if not isinstance(provider, Provider):
        return Trace(0, 0, is_sampled=False)
    trace_id = random.getrandbits(128) or 1
    return Trace(trace_id, random.getrandbits(64) or 1, provider.samples(trace_id))


def keep(operation: Trace) -> None:
    """Keeps the trace of an operation that failed, unless the sampler keeps nothing. Spans from before stay lost."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, Provider) and provider.keeps_errors and operation.trace_id:
        operation.is_sampled = True


def record(  # noqa: PLR0913 - a span has these parts
    common: CommonParts,
    operation: Trace,
    *,
    span_id: int,
    parent_id: int | None,
    started_ns: int,
    ended_ns: int,
    attributes: Mapping[str, str | int],
    links: Sequence[LinkedSpan] = (),
    error: str | None = None,
) -> None:
    """Records a span that has ended, if its trace is kept. `attributes` are not copied: do not change them later."""
    provider = trace.get_tracer_provider()
    if not operation.is_sampled or not isinstance(provider, Provider):
        return
    if error is not None:
        attributes = {**attributes, "error.type": error}
    ids = operation.trace_id, span_id, parent_id
    provider.record(RecordedSpan(common, *ids, started_ns, ended_ns, attributes, links, error is not None))


def as_current(operation: Trace) -> AbstractContextManager[Span]:
    """Spans that start inside become children of the operation's first span."""
    return trace.use_span(NonRecordingSpan(operation.context()))


def linked(traceparent: str | None) -> LinkedSpan | None:
    """The span that a W3C `traceparent` names, or None if it names none; what OpenTelemetry's propagator says."""
    match = _TRACEPARENT.fullmatch(traceparent) if traceparent and len(traceparent) <= _TRACEPARENT_LIMIT else None
    if match is None:
        return None
    version, trace_id, span_id, flags, rest = match.groups()
    if version == _INVALID_VERSION or (version == "00" and rest.startswith("-")):
        return None
    span = LinkedSpan(int(trace_id, 16), int(span_id, 16), is_remote=True, flags=int(flags, 16))
    return span if span.trace_id and span.span_id else None
