"""Records the reconciler's runs and repairs as metrics, spans and log lines."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from lea_payments.log import log
from lea_payments.payment.event import Outcome, PaymentEvent
from lea_payments.payment.record import Payment
from lea_payments.telemetry import events, metrics, spans
from lea_payments.telemetry import store_calls as store_telemetry

_SPAN = "reconciler.run"


class RunResult(Protocol):
    """What is recorded of a run; `problem` is None if the run compared everything."""

    @property
    def outcome(self) -> str:
        """The metric label."""

    @property
    def problem(self) -> str | None:
        """Why the run is incomplete."""

    @property
    def checked(self) -> int:
        """The number of events that were compared with their records."""

    @property
    def repaired(self) -> int:
        """The number of changes."""

    @property
    def drift(self) -> int:
        """The number of payments that differed from Stripe."""


@contextmanager
def recorded(run: RunResult) -> Iterator[None]:
    """Records a run that takes place in this block: its span, its metrics and its log line."""
    started, started_ns = time.perf_counter(), time.time_ns()
    with spans.tracer.start_as_current_span(
        _SPAN, context=Context(), record_exception=False, end_on_exit=False
    ) as span:
        with store_telemetry.without_spans():
            yield
        kept_span = _kept_span(span, run, started_ns)
        _run_finished(kept_span, run, time.perf_counter() - started)


def payment_repaired(outcome: Outcome, event: PaymentEvent, before: Payment, after: Payment) -> None:
    """Records that the reconciler changed a payment that no webhook had changed."""
    events.payment_changed(outcome, event, before, after)
    metrics.REPAIRED.labels(event.type).inc()
    log.warning(
        "payment_repaired",
        payment_id=after.payment_intent_id,
        event_id=event.id,
        event_type=event.type,
        outcome=outcome,
        status_from=before.payment_status,
        status_to=after.payment_status,
    )


def reconciler_failed(event_id: str | None = None) -> None:
    """Records the traceback of an unexpected error; `event_id` names the event that could not be applied."""
    log.exception("reconciler_failed", **({"event_id": event_id} if event_id else {}))


def _kept_span(span: Span, run: RunResult, started_ns: int) -> Span:
    """Returns the run's span; a failed run whose span was not sampled gets a new one, which is always kept."""
    if run.problem is None:
        return span
    return spans.kept(span, _SPAN, {"error.type": run.outcome}, started_ns, SpanKind.INTERNAL)


def _run_finished(span: Span, run: RunResult, seconds: float) -> None:
    metrics.RECONCILER_RUNS.labels(run.outcome).inc()
    if run.problem is None:
        metrics.DRIFT.set(run.drift)
        metrics.RECONCILER_LAST_RUN.set_to_current_time()
    _describe(span, run)
    write = log.info if run.problem is None else log.warning
    optional = {"problem": run.problem, "trace_id": spans.trace_id(span)}
    write(
        "reconciler_run_finished",
        outcome=run.outcome,
        checked=run.checked,
        repaired=run.repaired,
        drift=run.drift,
        duration_ms=round(seconds * 1000, 1),
        **{name: value for name, value in optional.items() if value is not None},
    )


def _describe(span: Span, run: RunResult) -> None:
    span.set_attribute("payments.reconciler.outcome", run.outcome)
    span.set_attribute("payments.reconciler.checked", run.checked)
    span.set_attribute("payments.reconciler.repaired", run.repaired)
    span.set_attribute("payments.reconciler.drift", run.drift)
    if run.problem is not None:
        span.set_attribute("error.type", run.outcome)
        span.set_status(Status(StatusCode.ERROR))
    span.end()
