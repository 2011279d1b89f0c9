from msgspec.structs import replace
from opentelemetry import trace
from prometheus_client import REGISTRY

from lea_payments.notifications.delivery import Attempt, Delivery, Outcome
from lea_payments.telemetry.services import notifier
from tests.support.first_events import BY_CHECKOUT
from tests.support.recorded_spans import recorded_spans, span_named

TRACE = "0af7651916cd43dd8448eb211c80319c"
PAYMENT = replace(BY_CHECKOUT, traceparent=f"00-{TRACE}-b7ad6b7169203331-01")


def _attempt(outcome: Outcome, status: int | None, pauses: tuple[float, ...] = (5,)) -> None:
    attempt = Attempt(outcome, status)
    with notifier.delivery_span("crm", PAYMENT) as operation:
        after = Delivery().after(attempt, 2, 2, 1000, pauses)
        notifier.notification_attempted(operation, "crm", PAYMENT, attempt, after, 250)


def _value(metric: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(metric, labels) or 0


def test_the_span_of_an_attempt_is_linked_to_checkouts_trace() -> None:
    with recorded_spans() as exporter:
        _attempt(Outcome.DELIVERED, 204)

        span = span_named(exporter, "notification.send")

    (link,) = span.links
    assert trace.format_trace_id(link.context.trace_id) == TRACE
    assert span.parent is None
    assert span.attributes is not None
    assert span.attributes["payments.payment.id"] == "payment_1"
    assert span.attributes["http.response.status_code"] == 204
    assert span.status.status_code is trace.StatusCode.UNSET


def test_a_failed_attempt_fails_its_span() -> None:
    with recorded_spans() as exporter:
        _attempt(Outcome.TIMEOUT, None)

        span = span_named(exporter, "notification.send")

    assert span.status.status_code is trace.StatusCode.ERROR
    assert span.attributes is not None
    assert span.attributes["error.type"] == "timeout"


def test_attempts_and_dead_letters_are_counted() -> None:
    names = ("payments_notification_attempts_total", "payments_notifications_dead_lettered_total")
    before = [_value(names[0], endpoint="crm", outcome="failed"), _value(names[1], endpoint="crm")]

    _attempt(Outcome.FAILED, 500)
    _attempt(Outcome.FAILED, 500, pauses=(10**6,))

    after = [_value(names[0], endpoint="crm", outcome="failed"), _value(names[1], endpoint="crm")]
    assert [new - old for new, old in zip(after, before, strict=True)] == [2, 1]


def test_nothing_due_has_no_age() -> None:
    notifier.outbox_read(2, 1500)
    some = (_value("payments_notifications_due"), _value("payments_notification_oldest_due_seconds"))
    notifier.outbox_read(0, float("-inf"))

    assert some == (2, 1.5)
    assert _value("payments_notification_oldest_due_seconds") == 0
