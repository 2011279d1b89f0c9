from collections.abc import Iterator

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from prometheus_client import REGISTRY

from lea_payments.telemetry import metrics, spans, traces
from lea_payments.telemetry.applying import NO_TRACE, Applying, BatchSpan, current_trace
from lea_payments.telemetry.traces import Trace
from tests.support.recorded_spans import recorded_spans, span_named

UNSAMPLED = Trace(7, 8, is_sampled=False)


@pytest.fixture
def exporter() -> Iterator[InMemorySpanExporter]:
    with recorded_spans() as exporter:
        yield exporter


def _sampled() -> Trace:
    return Trace(traces.new_span_id(), traces.new_span_id(), is_sampled=True)


def _calls(outcome: str) -> float:
    labels = {"operation": "apply", "outcome": outcome}
    return REGISTRY.get_sample_value("payments_store_operations_total", labels) or 0


def test_applying_an_event_is_a_child_span(exporter: InMemorySpanExporter) -> None:
    parent = _sampled()

    Applying(parent).ended("evt_1", "charge.refunded")

    span = span_named(exporter, "payments.apply")
    assert span.context is not None
    assert span.parent is not None
    assert span.attributes == {"stripe.event.id": "evt_1", "stripe.event.type": "charge.refunded"}
    assert (span.context.trace_id, span.parent.span_id) == (parent.trace_id, parent.span_id)
    assert (span.kind, span.links) == (SpanKind.INTERNAL, ())


def test_an_event_that_fails_is_a_failed_span(exporter: InMemorySpanExporter) -> None:
    Applying(_sampled()).ended("evt_1", "charge.refunded", TimeoutError())

    span = span_named(exporter, "payments.apply")
    assert span.status.status_code is StatusCode.ERROR
    assert (span.attributes or {})["error.type"] == "TimeoutError"


@pytest.mark.parametrize("parent", [UNSAMPLED, NO_TRACE], ids=["dropped", "no trace"])
def test_a_trace_that_is_not_kept_has_no_apply_span(exporter: InMemorySpanExporter, parent: Trace) -> None:
    applying = Applying(parent)
    applying.ended("evt_1", "charge.refunded")

    assert applying.trace is parent
    assert exporter.get_finished_spans() == ()


def test_a_batch_and_its_members_are_linked(exporter: InMemorySpanExporter) -> None:
    first, dropped, second = Applying(_sampled()), Applying(UNSAMPLED), Applying(_sampled())

    BatchSpan([first, dropped, second]).ended(metrics.OK)
    first.ended("evt_1", "charge.refunded")
    second.ended("evt_2", "charge.refunded")

    batch, *members = exporter.get_finished_spans()
    assert batch.context is not None
    assert batch.parent is not None
    assert (batch.name, batch.kind, batch.status.status_code) == (
        *("BatchExecuteStatement", SpanKind.CLIENT),
        StatusCode.UNSET,
    )
    assert (batch.context.trace_id, batch.parent.span_id) == (first.trace.trace_id, first.trace.span_id)
    assert [link.context for link in batch.links] == [member.context for member in members]
    assert (batch.attributes or {})["db.operation.batch.size"] == 3
    assert [[link.context for link in member.links] for member in members] == [[batch.context]] * 2


def test_a_batch_without_kept_members_has_no_span(exporter: InMemorySpanExporter) -> None:
    sizes = REGISTRY.get_sample_value("payments_store_batch_size_count") or 0
    counted = _calls(metrics.OK)

    BatchSpan([Applying(UNSAMPLED)]).ended(metrics.OK)

    assert exporter.get_finished_spans() == ()
    assert _calls(metrics.OK) - counted == 1
    assert REGISTRY.get_sample_value("payments_store_batch_size_count") == sizes + 1


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (metrics.OK, StatusCode.UNSET),
        (metrics.REFUSED, StatusCode.UNSET),
        (metrics.ERROR, StatusCode.ERROR),
        (metrics.THROTTLED, StatusCode.ERROR),
    ],
)
def test_only_a_failed_batch_is_a_failed_span(exporter: InMemorySpanExporter, outcome: str, status: StatusCode) -> None:
    counted = _calls(outcome)

    BatchSpan([Applying(_sampled())]).ended(outcome)

    assert span_named(exporter, "BatchExecuteStatement").status.status_code is status
    assert _calls(outcome) - counted == 1


@pytest.mark.usefixtures("exporter")
def test_the_current_trace_is_that_of_the_current_span() -> None:
    outside = current_trace()
    with spans.tracer.start_as_current_span("run") as span:
        current = current_trace()

    context = span.get_span_context()
    assert (outside.hex_id, outside.is_sampled) == (None, False)
    assert (current.trace_id, current.span_id, current.is_sampled) == (context.trace_id, context.span_id, True)
    assert not trace.get_current_span().get_span_context().is_valid
