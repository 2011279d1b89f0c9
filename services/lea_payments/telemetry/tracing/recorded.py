"""The parts of a span that is recorded when it has ended."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from opentelemetry.trace import SpanContext, SpanKind


class RecordedSpan(NamedTuple):
    """A span of this process that has ended. Its `links` have no attributes."""

    name: str
    kind: SpanKind
    trace_id: int
    span_id: int
    parent_id: int | None
    started_ns: int
    ended_ns: int
    attributes: Mapping[str, str | int]
    links: Sequence[SpanContext]
    failed: bool
