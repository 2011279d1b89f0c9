import re
from collections.abc import Iterator

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, StatusCode, TraceFlags

from lea_payments.telemetry import spans
from tests.support.recorded_spans import recorded_spans, span_named

TRACE_ID, SPAN_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE_ID}-{SPAN_ID}-01"
INVALID = ["", "not a traceparent", f"00-{'0' * 32}-{SPAN_ID}-01"]


@pytest.fixture
def exporter() -> Iterator[InMemorySpanExporter]:
    with recorded_spans() as exporter:
        yield exporter


@pytest.fixture
def unsampled() -> Span:
    return NonRecordingSpan(SpanContext(int(TRACE_ID, 16), int(SPAN_ID, 16), is_remote=True))


@pytest.fixture
def sampled() -> Span:
    flags = TraceFlags(TraceFlags.SAMPLED)
    return NonRecordingSpan(SpanContext(int(TRACE_ID, 16), int(SPAN_ID, 16), is_remote=True, trace_flags=flags))


def test_a_call_to_stripe_is_a_client_span(exporter: InMemorySpanExporter) -> None:
    with spans.tracer.start_as_current_span("request"), spans.stripe_call("GET", "/v1/events"):
        pass

    span = span_named(exporter, "GET /v1/events")
    assert span.kind is SpanKind.CLIENT
    assert span.attributes == {
        "http.request.method": "GET",
        "url.template": "/v1/events",
        "peer.service": "stripe",
    }


def test_a_failed_call_to_stripe_names_its_error(exporter: InMemorySpanExporter) -> None:
    with (
        pytest.raises(TimeoutError),
        spans.tracer.start_as_current_span("request"),
        spans.stripe_call("GET", "/v1/events"),
    ):
        raise TimeoutError

    span = span_named(exporter, "GET /v1/events")
    assert span.status.status_code is StatusCode.ERROR
    assert (span.attributes or {})["error.type"] == "TimeoutError"


def test_outside_a_recorded_trace_there_is_no_client_span() -> None:
    assert spans.client_span("GetItem", {}) is trace.INVALID_SPAN


def test_a_sampled_operation_keeps_its_span(exporter: InMemorySpanExporter) -> None:
    with spans.OperationSpan("GET /success") as operation:
        span = operation.failed("503")

    assert span is operation.span
    assert len(exporter.get_finished_spans()) == 1


def test_a_dropped_operation_gets_a_span_if_it_fails(exporter: InMemorySpanExporter, unsampled: Span) -> None:
    with spans.OperationSpan("GET", parent=trace.set_span_in_context(unsampled)) as operation:
        operation.failed("503", "GET /success")

    span = span_named(exporter, "GET /success")
    assert (span.parent, span.start_time, span.kind) == (None, operation.started_ns, SpanKind.SERVER)


@pytest.mark.usefixtures("exporter")
def test_the_traceparent_names_the_current_span() -> None:
    assert spans.current_traceparent() is None
    with spans.tracer.start_as_current_span("request") as span:
        traceparent = spans.current_traceparent() or ""
        trace_id = spans.current_trace_id()

    assert re.fullmatch(f"00-{trace_id}-[0-9a-f]{{16}}-0[13]", traceparent)
    assert spans.trace_id(span) == trace_id
    assert spans.current_trace_id() is None


def test_only_a_sampled_trace_has_an_exemplar(sampled: Span, unsampled: Span) -> None:
    assert spans.exemplar(sampled) == {"trace_id": TRACE_ID}
    assert spans.exemplar(unsampled) is None


def test_a_traceparent_is_a_remote_span() -> None:
    span = spans.remote(TRACEPARENT)

    assert span is not None
    assert (spans.trace_id(span), span.get_span_context().is_remote) == (TRACE_ID, True)


@pytest.mark.parametrize("traceparent", [None, *INVALID])
def test_an_invalid_traceparent_is_none(traceparent: str | None) -> None:
    assert spans.remote(traceparent) is None


@pytest.mark.parametrize(("traceparent", "links"), [(TRACEPARENT, 1), (None, 0), ("not a traceparent", 0)])
def test_only_a_valid_traceparent_is_linked(
    exporter: InMemorySpanExporter, traceparent: str | None, links: int
) -> None:
    with spans.tracer.start_as_current_span("page") as span:
        spans.link(span, traceparent)

    assert len(span_named(exporter, "page").links) == links


def test_a_discarded_operation_is_not_exported(exporter: InMemorySpanExporter) -> None:
    with spans.OperationSpan("GET /success") as operation:
        operation.discard()

    assert exporter.get_finished_spans() == ()
    assert not trace.get_current_span().get_span_context().is_valid
