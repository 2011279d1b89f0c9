"""What is told of the reconciler, in metrics, spans and lines: one function for each thing; decides nothing."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from lea_payments.log import log
from lea_payments.payment.event import CHANGES, Outcome, PaymentEvent
from lea_payments.payment.record import Payment
from lea_payments.telemetry import events as telemetry
from lea_payments.telemetry import metrics, spans
from lea_payments.telemetry import store_calls as store_telemetry

_SPAN = "reconciler.run"


class Run:
    """One run: what it has seen, what it has changed, and how it ends."""

    def __init__(self) -> None:
        self.outcome = metrics.RUN_OK
        self.looked_at = 0
        self.repaired = 0
        self.problem: str | None = None
        self._drifted: set[str] = set()

    @property
    def drift(self) -> int:
        """How many payments differed from what Stripe says."""
        return len(self._drifted)

    def failed(self, outcome: str, trouble: str) -> None:
        """Something kept the run from being whole; the first trouble names it."""
        if self.outcome == metrics.RUN_OK:
            self.outcome, self.problem = outcome, trouble

    def settled(self, outcome: Outcome, event: PaymentEvent, before: Payment | None, after: Payment | None) -> None:
        """An event met its record; only what it changed is drift."""
        telemetry.payment_changed(outcome, event, before, after)
        if before is None or after is None or outcome not in CHANGES:
            return
        self.repaired += 1
        self._drifted.add(after.payment_intent_id)
        metrics.REPAIRED.labels(event.type).inc()
        log.warning(
            "repaired",
            payment=after.payment_intent_id,
            event_id=event.id,
            event_type=event.type,
            outcome=outcome,
            status_from=before.payment_status,
            status_to=after.payment_status,
        )


@contextmanager
def running() -> Iterator[Run]:
    """One run of the reconciler: its span, and what it counts once it has ended."""
    run, started, started_ns = Run(), time.perf_counter(), time.time_ns()
    with spans.tracer.start_as_current_span(
        _SPAN, context=Context(), record_exception=False, end_on_exit=False
    ) as span:
        with store_telemetry.without_spans():
            yield run
        kept = _kept_span(span, run, started_ns)
        _count(run)
        _describe(kept, run)
        _tell(kept, run, time.perf_counter() - started)


def _kept_span(span: Span, run: Run, started_ns: int) -> Span:
    """The run's span, or, for trouble that sampling had dropped, one made afterwards that is kept."""
    if run.outcome == metrics.RUN_OK:
        return span
    return spans.kept(span, _SPAN, {"error.type": run.outcome}, started_ns, SpanKind.INTERNAL)


def _count(run: Run) -> None:
    metrics.RECONCILER_RUNS.labels(run.outcome).inc()
    if run.outcome == metrics.RUN_OK:
        metrics.DRIFT.set(run.drift)
        metrics.RECONCILER_LAST_RUN.set_to_current_time()


def _describe(span: Span, run: Run) -> None:
    span.set_attribute("payments.reconciler.outcome", run.outcome)
    span.set_attribute("payments.reconciler.looked_at", run.looked_at)
    span.set_attribute("payments.reconciler.repaired", run.repaired)
    span.set_attribute("payments.reconciler.drift", run.drift)
    if run.outcome != metrics.RUN_OK:
        span.set_attribute("error.type", run.outcome)
        span.set_status(Status(StatusCode.ERROR))
    span.end()


def _tell(span: Span, run: Run, seconds: float) -> None:
    write = log.info if run.outcome == metrics.RUN_OK else log.warning
    line = {"problem": run.problem, "trace_id": spans.trace_id(span)}
    write(
        "reconciled",
        outcome=run.outcome,
        looked_at=run.looked_at,
        repaired=run.repaired,
        drift=run.drift,
        seconds=round(seconds, 1),
        **{name: value for name, value in line.items() if value is not None},
    )
