"""The parts of a span that is recorded when it has ended."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import msgspec
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags

SAMPLED = TraceFlags(TraceFlags.RANDOM_TRACE_ID | TraceFlags.SAMPLED)


class LocalSpan(msgspec.Struct, frozen=True, gc=False):
    """A kept span of this process that others are linked to: a `SpanContext` costs ten times as much."""

    trace_id: int
    span_id: int
    is_remote: ClassVar[bool] = False

    def context(self) -> SpanContext:
        """The same for the SDK."""
        return SpanContext(self.trace_id, self.span_id, self.is_remote, SAMPLED)


class CommonAttributes(msgspec.Struct, frozen=True, eq=False):
    """Attributes that many spans have in common; a constant, because the exporter prepares each only once."""

    values: Mapping[str, str | int]


NO_COMMON_ATTRIBUTES = CommonAttributes({})


class RecordedSpan(msgspec.Struct, frozen=True, gc=False):
    """A span of this process that has ended. Its `links` have no attributes."""

    name: str
    kind: SpanKind
    trace_id: int
    span_id: int
    parent_id: int | None
    started_ns: int
    ended_ns: int
    attributes: Mapping[str, str | int]
    links: Sequence[SpanContext | LocalSpan]
    failed: bool
    common: CommonAttributes = NO_COMMON_ATTRIBUTES

    @property
    def all_attributes(self) -> Mapping[str, str | int]:
        """The common ones and its own."""
        return {**self.common.values, **self.attributes}
