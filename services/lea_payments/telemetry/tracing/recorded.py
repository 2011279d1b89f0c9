"""The parts of a span that is recorded when it has ended."""

from collections.abc import Mapping, Sequence

import msgspec
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags

SAMPLED = TraceFlags(TraceFlags.RANDOM_TRACE_ID | TraceFlags.SAMPLED)


class LinkedSpan(msgspec.Struct, frozen=True, gc=False):
    """A span that others are linked to, of this process or another one: a `SpanContext` costs eight times as much."""

    trace_id: int
    span_id: int
    is_remote: bool = False
    flags: int = SAMPLED

    def context(self) -> SpanContext:
        """The same for the SDK."""
        return SpanContext(self.trace_id, self.span_id, self.is_remote, TraceFlags(self.flags))


class CommonParts(msgspec.Struct, frozen=True, eq=False):
    """What many spans have in common. Keep it and use it again: the exporter prepares each one only once."""

    name: str
    kind: SpanKind
    attributes: Mapping[str, str | int]


class RecordedSpan(msgspec.Struct, frozen=True, gc=False):
    """A span of this process that has ended. Its links have no attributes. `attributes` has none of the common ones."""

    common: CommonParts
    trace_id: int
    span_id: int
    parent_id: int | None
    started_ns: int
    ended_ns: int
    attributes: Mapping[str, str | int]
    links: Sequence[LinkedSpan]
    failed: bool

    @property
    def all_attributes(self) -> Mapping[str, str | int]:
        """The common ones and its own."""
        return {**self.common.attributes, **self.attributes}
