"""Records the attempts to deliver notifications as metrics, spans and log lines."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from opentelemetry.trace import SpanKind
from prometheus_client import Counter, Gauge, Histogram

from lea_payments.log import log, present
from lea_payments.notifications.delivery import Attempt, Delivery, Outcome, Stage
from lea_payments.payment.record import Payment
from lea_payments.telemetry import spans
from lea_payments.telemetry.metrics import series
from lea_payments.telemetry.throttle import Throttle

ATTEMPTS = Counter(
    "payments_notification_attempts_total", "Attempts to deliver a notification by outcome.", ("endpoint", "outcome")
)
LAG = Histogram(
    "payments_notification_lag_seconds",
    "Time from the change of a payment to the delivery of its notification.",
    buckets=(0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 43200, 259200),
)
DUE = Gauge("payments_notifications_due", "Notifications that the last query found due. It counts at most 400 of them.")
OLDEST_DUE = Gauge(
    "payments_notification_oldest_due_seconds", "How long the oldest notification has been due at the last query."
)
DEAD_LETTERED = Counter(
    "payments_notifications_dead_lettered_total", "Notifications that were given up after three days.", ("endpoint",)
)
_unavailable = Throttle(seconds=60)


def expose(endpoints: Iterable[str]) -> None:
    """Creates every series at 0, so that alerts see the first failure."""
    for endpoint in endpoints:
        series(DEAD_LETTERED, endpoint)
        for outcome in Outcome:
            series(ATTEMPTS, endpoint, outcome)


def outbox_read(due: int, oldest_ms: float) -> None:
    """The payments whose notification is due were read."""
    DUE.set(due)
    OLDEST_DUE.set(max(0.0, oldest_ms) / 1000 if due else 0.0)


def outbox_unavailable(problem: str) -> None:
    """The table did not respond. Notifications wait in the table; one log line a minute."""
    count = _unavailable.count("", time.monotonic())
    if count:
        log.warning("outbox_unavailable", problem=problem, count=count)


@contextmanager
def delivery_span(endpoint: str, payment: Payment) -> Iterator[spans.OperationSpan]:
    """The span of one attempt. It is linked to the trace of the checkout request, which has ended long ago."""
    with spans.OperationSpan("notification.send", SpanKind.CLIENT, {"payments.notification.endpoint": endpoint}) as one:
        one.span.set_attribute("payments.payment.id", payment.payment_intent_id)
        spans.link(one.span, payment.traceparent)
        yield one


def notification_attempted(
    operation: spans.OperationSpan, endpoint: str, payment: Payment, attempt: Attempt, after: Delivery, lag_ms: float
) -> None:
    """An attempt to deliver a notification ended. `lag_ms` is the time since the payment changed."""
    series(ATTEMPTS, endpoint, attempt.outcome).inc()
    is_delivered = attempt.outcome is Outcome.DELIVERED
    span = operation.span if is_delivered else operation.failed(attempt.outcome)
    span.set_attribute("payments.notification.attempt", after.attempts)
    if attempt.http_status is not None:
        span.set_attribute("http.response.status_code", attempt.http_status)
    fields = {
        "payment_id": payment.payment_intent_id,
        "endpoint": endpoint,
        "version": payment.version or 0,
        "status": payment.payment_status,
        "outcome": attempt.outcome,
        "attempts": after.attempts,
        **present({"http_status": attempt.http_status, "trace_id": spans.trace_id(span)}),
    }
    if is_delivered:
        LAG.observe(max(0.0, lag_ms) / 1000, spans.exemplar(span))
        log.info("notification_delivered", **fields)
        return
    spans.fail(span, attempt.outcome)
    if after.stage is Stage.DEAD_LETTERED:
        series(DEAD_LETTERED, endpoint).inc()
        log.error("notification_dead_lettered", **fields)
    else:
        log.warning("notification_refused" if after.stage is Stage.GONE else "notification_failed", **fields)


def lease_lost(payment: Payment) -> None:
    """The state of a delivery could not be stored before another notifier took over. It can be sent twice."""
    log.warning("notification_lease_lost", payment_id=payment.payment_intent_id, version=payment.version or 0)


def notifier_failed(payment_id: str) -> None:
    """An unexpected error occurred. Call it where the exception is handled: the line has its traceback."""
    log.exception("notifier_failed", payment_id=payment_id)
