"""Records the reconciler's runs and repairs as metrics, spans and log lines."""

from opentelemetry.trace import SpanKind

from lea_payments.log import log, present
from lea_payments.payment.event import Outcome, PaymentEvent
from lea_payments.payment.record import Payment
from lea_payments.telemetry import events, metrics, spans
from lea_payments.telemetry.applying import current_trace


def run_span() -> spans.OperationSpan:
    """The span of one run; its calls to DynamoDB get no spans of their own."""
    return spans.OperationSpan("reconciler.run", SpanKind.INTERNAL)


def run_finished(
    run: spans.OperationSpan,
    outcome: str,
    problem: str | None,
    *,
    checked: int,
    repaired: int,
    drift: int,
    payable: int,
    lookups_left: int,
) -> None:
    """A run ended; `problem` says why it did not compare everything, `lookups_left` what the next run does.

    `payable` is the number of open sessions of canceled payments.
    """
    metrics.RECONCILER_RUNS.labels(outcome).inc()
    span, write = run.span, log.info
    if problem is None:
        metrics.DRIFT.set(drift)
        metrics.PAYABLE.set(payable)
        metrics.RECONCILER_LAST_RUN.set_to_current_time()
    else:
        span, write = run.failed(outcome), log.warning
        spans.fail(span, outcome)
    counts: dict[str, str | int] = {"outcome": outcome, "checked": checked, "repaired": repaired, "drift": drift}
    span.set_attributes({f"payments.reconciler.{name}": value for name, value in counts.items()})
    optional = {"problem": problem, "lookups_left": lookups_left or None, "trace_id": spans.trace_id(span)}
    write(
        "reconciler_run_finished",
        **counts,
        duration_ms=round(run.seconds * 1000, 1),
        **present(optional),
    )


def payable_session_found(payment_id: str, session_id: str) -> None:
    """A customer can still pay a session of a canceled payment."""
    log.warning(
        "payable_session_found",
        payment_id=payment_id,
        session_id=session_id,
        remedy="the payment is canceled: expire this session in Stripe's dashboard",
    )


def payment_repaired(outcome: Outcome, event: PaymentEvent, before: Payment, after: Payment) -> None:
    """The reconciler changed a payment that no delivery had changed."""
    events.payment_changed(outcome, event, before, after, current_trace())
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
    """An unexpected error occurred. Call it where the exception is handled: the line has its traceback.

    `event_id` is the event that could not be applied, if there is one.
    """
    log.exception("reconciler_failed", **({"event_id": event_id} if event_id else {}))
