"""Records the spans of applying events, and of the calls to DynamoDB that carry the writes of several events."""

import time
from collections.abc import Sequence
from functools import lru_cache

from opentelemetry import trace
from opentelemetry.trace import SpanKind

from lea_payments.telemetry import metrics, traces
from lea_payments.telemetry.metrics import series
from lea_payments.telemetry.traces import Trace
from lea_payments.telemetry.tracing.recorded import CommonParts, LinkedSpan

_OPERATION = "BatchExecuteStatement"
NO_TRACE = Trace(0, 0, is_sampled=False)


@lru_cache(256)
def _applying_an_event(event_type: str) -> CommonParts:
    return CommonParts("payments.apply", SpanKind.INTERNAL, {"stripe.event.type": event_type})


@lru_cache(256)
def _call_with_writes(size: int) -> CommonParts:
    operation = {"db.system.name": "aws.dynamodb", "db.operation.name": _OPERATION}
    return CommonParts(_OPERATION, SpanKind.CLIENT, {**operation, "db.operation.batch.size": size})


class Applying:
    """The application of one event to its payment. It becomes a span if its trace is kept."""

    __slots__ = ("_parent_id", "_started_ns", "batches", "trace")

    def __init__(self, parent: Trace) -> None:
        self.trace = parent
        if parent.is_sampled:
            self.batches: list[LinkedSpan] = []
            """The calls to DynamoDB that carried its writes."""
            self.trace = Trace(parent.trace_id, traces.new_span_id(), is_sampled=True)
            self._parent_id, self._started_ns = parent.span_id, time.time_ns()

    def ended(self, event_id: str, event_type: str, error: Exception | None = None) -> None:
        """The event is applied, or could not be because of the error."""
        if self.trace.is_sampled:
            traces.record(
                _applying_an_event(event_type),
                self.trace,
                span_id=self.trace.span_id,
                parent_id=self._parent_id,
                started_ns=self._started_ns,
                ended_ns=time.time_ns(),
                attributes={"stripe.event.id": event_id},
                links=self.batches,
                error=type(error).__name__ if error else None,
            )


def current_trace() -> Trace:
    """The trace of a coroutine that has a span."""
    context = trace.get_current_span().get_span_context()
    return Trace(context.trace_id, context.span_id, is_sampled=context.trace_flags.sampled)


class BatchSpan:
    """A call to DynamoDB that carries the writes of several events. It and their spans are linked to each other."""

    __slots__ = ("_members", "_size", "_started", "_started_ns")

    def __init__(self, members: Sequence[Applying]) -> None:
        self._size = len(members)
        self._members = [member for member in members if member.trace.is_sampled]
        self._started = time.perf_counter()
        self._started_ns = time.time_ns() if self._members else 0

    def ended(self, outcome: str) -> None:
        """The call has a response, or failed; `outcome` is one of `STORE_OUTCOMES`."""
        seconds = time.perf_counter() - self._started
        exemplar = self._members[0].trace.exemplar if self._members else None
        metrics.BATCH_SIZE.observe(self._size, exemplar)
        series(metrics.STORE_CALLS, "apply", outcome).inc()
        series(metrics.STORE_DURATION, "apply").observe(seconds, exemplar)
        if self._members:
            self._record(outcome)

    def _record(self, outcome: str) -> None:
        # A child of the first one, so that sampling keeps them together.
        first, span_id = self._members[0].trace, traces.new_span_id()
        traces.record(
            _call_with_writes(self._size),
            first,
            span_id=span_id,
            parent_id=first.span_id,
            started_ns=self._started_ns,
            ended_ns=time.time_ns(),
            attributes={},
            links=[LinkedSpan(member.trace.trace_id, member.trace.span_id) for member in self._members],
            error=outcome if outcome in (metrics.ERROR, metrics.THROTTLED) else None,
        )
        batch = LinkedSpan(first.trace_id, span_id)
        for member in self._members:
            member.batches.append(batch)
