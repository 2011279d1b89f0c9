import time
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from lea_payments.payment.event import Outcome, PaymentEvent
from lea_payments.stripe.events import Ignored, translate
from lea_payments.telemetry import metrics
from lea_payments.telemetry.services import webhook
from lea_payments.telemetry.tracing.provider import Provider
from lea_payments.telemetry.tracing.recorded import RecordedSpan
from tests.support import stripe_bodies
from tests.support.recorded_spans import recorded_spans, span_named

IGNORED: dict[str, bytes] = {
    "unused_type": stripe_bodies.event("customer.created", {"object": "customer"}),
    "other_account": stripe_bodies.event("charge.refunded", {}, account="acct_9"),
    "other_mode": stripe_bodies.event("charge.refunded", {}, livemode=True),
    "thin_payload": b'{"id": "evt_thin", "object": "v2.core.event", "type": "v2.core.event_destination.ping"}',
    "session_mode": stripe_bodies.completed("payment_1", mode="setup"),
    "nothing_refunded": stripe_bodies.refunded("payment_1", 0),
}
"""An event for each reason. An open session is in none of the events that the services use."""


def _ignored(body: bytes) -> Ignored:
    event = translate(body, livemode=False)
    assert isinstance(event, Ignored)
    return event


def _delivery() -> webhook.Delivery:
    return webhook.Delivery(time.perf_counter(), time.time_ns())


def _count(event: Ignored) -> dict[str, float]:
    """The growth of every reason by one answer to this event."""
    before = _counts()
    _delivery().answered(event.outcome, 200, event, None, event.reason)
    return {reason: value - before[reason] for reason, value in _counts().items() if value != before[reason]}


def _counts() -> dict[str, Any]:
    name = "payments_webhook_ignored_total"
    return {reason: REGISTRY.get_sample_value(name, {"reason": reason}) or 0 for reason in metrics.IGNORED_REASONS}


@pytest.mark.parametrize("reason", IGNORED)
def test_an_ignored_event_is_counted_by_its_reason(reason: str) -> None:
    assert _count(_ignored(IGNORED[reason])) == {reason: 1}


@pytest.mark.parametrize(
    ("reason", "label"), [("session_open", "session_open"), ("of_next_year", "other"), ("of_next_year:x", "other")]
)
def test_a_reason_without_a_label_is_other(reason: str, label: str) -> None:
    event = Ignored("evt_1", "checkout.session.completed", 1, Outcome.IGNORED, reason)

    assert _count(event) == {label: 1}


TRACE_ID, SPAN_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE_ID}-{SPAN_ID}-01"
NAME = "POST /webhook/stripe"


@pytest.fixture
def exporter() -> Iterator[InMemorySpanExporter]:
    with recorded_spans() as exporter:
        yield exporter


def _event(traceparent: str | None = None) -> PaymentEvent:
    event = translate(stripe_bodies.completed("payment_1", metadata={"traceparent": traceparent}), livemode=False)
    assert isinstance(event, PaymentEvent)
    return event


def test_an_answered_delivery_is_a_line_and_a_span(exporter: InMemorySpanExporter) -> None:
    delivery, event = _delivery(), _event()
    with capture_logs() as lines:
        delivery.answered(Outcome.APPLIED, 200, event, "payment_1", None)

    span = span_named(exporter, NAME)
    assert (span.kind, span.parent, span.links, span.status.status_code) == (
        SpanKind.SERVER,
        None,
        (),
        StatusCode.UNSET,
    )
    assert span.attributes == {
        "http.request.method": "POST",
        "http.route": "/webhook/stripe",
        "url.path": "/webhook/stripe",
        "url.scheme": "http",
        "http.response.status_code": 200,
        "payments.outcome": "applied",
        "payments.payment.id": "payment_1",
        "stripe.event.id": event.id,
        "stripe.event.type": event.type,
    }
    [line] = lines
    assert line.pop("duration_ms") >= 0
    assert line == {
        "event": "webhook_answered",
        "log_level": "info",
        "outcome": "applied",
        "http_status": 200,
        "event_id": event.id,
        "event_type": event.type,
        "payment_id": "payment_1",
        "trace_id": delivery.trace.hex_id,
    }


def test_a_delivery_is_linked_to_the_trace_of_checkout(exporter: InMemorySpanExporter) -> None:
    _delivery().answered(Outcome.APPLIED, 200, _event(TRACEPARENT), "payment_1", None)

    assert [f"{link.context.trace_id:032x}" for link in span_named(exporter, NAME).links] == [TRACE_ID]


@pytest.mark.parametrize(
    ("status", "code"), [(400, StatusCode.UNSET), (500, StatusCode.ERROR), (503, StatusCode.ERROR)]
)
def test_a_server_span_fails_from_500_on(exporter: InMemorySpanExporter, status: int, code: StatusCode) -> None:
    with capture_logs() as lines:
        _delivery().answered("unavailable", status, _event(), None, "why")

    span = span_named(exporter, NAME)
    assert span.status.status_code is code
    assert (span.attributes or {})["error.type"] == "unavailable"
    assert [(line["log_level"], line["reason"]) for line in lines] == [("warning", "why")]


def test_a_failed_delivery_is_kept_although_it_was_dropped(exporter: InMemorySpanExporter) -> None:
    good, bad = _delivery(), _delivery()
    good.trace.is_sampled = bad.trace.is_sampled = False

    good.answered(Outcome.APPLIED, 200, _event(), "payment_1", None)
    bad.answered("error", 500, None, None, None)

    span = span_named(exporter, NAME)
    assert span.context is not None
    assert f"{span.context.trace_id:032x}" == bad.trace.hex_id


def test_lines_of_unverified_deliveries_are_limited(exporter: InMemorySpanExporter) -> None:
    counted = _answers("unread", "invalid_payload")
    with capture_logs() as lines:
        for _ in range(50):
            _delivery().answered("invalid_payload", 400, None, None, "not JSON")

    assert _answers("unread", "invalid_payload") - counted == 50
    assert 10 <= len(lines) <= 20
    assert len(exporter.get_finished_spans()) == len(lines)


def _answers(event_type: str, outcome: str) -> float:
    labels = {"event_type": event_type, "outcome": outcome}
    return REGISTRY.get_sample_value("payments_webhook_events_total", labels) or 0


@pytest.fixture
def recorded(exporter: InMemorySpanExporter) -> Iterator[list[RecordedSpan]]:
    """Return the spans as they are recorded, before anything merges their attributes."""
    provider, spans = trace.get_tracer_provider(), list[RecordedSpan]()
    assert isinstance(provider, Provider)
    provider.export_recorded = spans.append
    yield spans
    provider.export_recorded = None
    exporter.clear()


@pytest.mark.parametrize(("http_status", "outcome"), [(200, "applied"), (413, "too_large"), (503, "unavailable")])
@pytest.mark.parametrize("has_event", [True, False])
def test_a_span_has_each_attribute_once(
    recorded: list[RecordedSpan], http_status: int, outcome: str, *, has_event: bool
) -> None:
    event = _ignored(IGNORED["unused_type"]) if has_event else None

    _delivery().answered(outcome, http_status, event, "payment_1", None)

    (span,) = recorded
    assert not span.common.attributes.keys() & span.attributes.keys()
    assert span.all_attributes.get("error.type") == (outcome if http_status >= 400 else None)
    assert span.all_attributes.get("stripe.event.type") == (event.type if event else None)
