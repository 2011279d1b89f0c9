from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, StatusCode

from lea_payments.telemetry import spans, traces
from lea_payments.telemetry.traces import Trace
from lea_payments.telemetry.tracing.provider import Provider, sampler_of
from lea_payments.telemetry.tracing.recorded import CommonParts, LinkedSpan, RecordedSpan
from lea_payments.telemetry.tracing.settings import SAMPLERS, read_tracing
from tests.support.recorded_spans import recorded_spans, span_named

TRACE_ID, SPAN_ID = 0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331
DELIVERY = CommonParts("delivery", SpanKind.SERVER, {})
IDS = st.integers(1, 2**128 - 1)


@pytest.fixture
def exporter() -> Iterator[InMemorySpanExporter]:
    with recorded_spans() as exporter:
        yield exporter


@pytest.fixture
def dropped() -> Trace:
    return Trace(TRACE_ID, SPAN_ID, is_sampled=False)


def record(operation: Trace, **fields: object) -> None:
    defaults = {"span_id": operation.span_id, "parent_id": None, "attributes": {"a": 1}}
    traces.record(DELIVERY, operation, started_ns=1, ended_ns=2, **{**defaults, **fields})  # type: ignore[arg-type]


def test_a_span_is_recorded_when_it_has_ended(exporter: InMemorySpanExporter) -> None:
    operation, parent_id = traces.new_trace(), traces.new_span_id()
    link = LinkedSpan(TRACE_ID, SPAN_ID, is_remote=True)
    record(operation, parent_id=parent_id, links=[link])

    span = span_named(exporter, "delivery")
    parent = LinkedSpan(operation.trace_id, parent_id).context()
    assert (span.context, span.parent) == (operation.context(), parent)
    assert (span.kind, span.start_time, span.end_time, span.attributes) == (SpanKind.SERVER, 1, 2, {"a": 1})
    assert [one.context for one in span.links] == [link.context()]
    assert span.status.status_code is StatusCode.UNSET


def test_a_recorded_span_looks_like_one_of_the_tracer(exporter: InMemorySpanExporter) -> None:
    spans.tracer.start_span("of the tracer").end()
    record(traces.new_trace())

    recorded, created = span_named(exporter, "delivery"), span_named(exporter, "of the tracer")
    assert recorded.instrumentation_scope == created.instrumentation_scope
    assert recorded.resource is created.resource
    assert recorded.context.trace_flags == created.context.trace_flags


def test_a_recorded_error_is_a_failed_span(exporter: InMemorySpanExporter) -> None:
    record(traces.new_trace(), error="unavailable")

    span = span_named(exporter, "delivery")
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes == {"a": 1, "error.type": "unavailable"}


def test_a_dropped_trace_records_nothing(exporter: InMemorySpanExporter, dropped: Trace) -> None:
    record(dropped)

    assert exporter.get_finished_spans() == ()
    assert dropped.exemplar is None


def test_a_dropped_trace_is_kept_once_it_fails(exporter: InMemorySpanExporter, dropped: Trace) -> None:
    traces.keep(dropped)
    record(dropped)

    assert span_named(exporter, "delivery").context.trace_id == TRACE_ID
    assert dropped.exemplar == {"trace_id": dropped.hex_id}


def test_no_trace_is_never_kept(exporter: InMemorySpanExporter) -> None:
    nothing = Trace(0, 0, is_sampled=False)
    traces.keep(nothing)
    record(nothing)

    assert exporter.get_finished_spans() == ()
    assert (nothing.hex_id, nothing.exemplar) == (None, None)


def test_spans_inside_become_children(exporter: InMemorySpanExporter) -> None:
    operation = traces.new_trace()
    with traces.as_current(operation):
        spans.client_span("Query", {}).end()

    assert span_named(exporter, "Query").parent == operation.context()


def test_spans_inside_a_dropped_trace_are_dropped(exporter: InMemorySpanExporter, dropped: Trace) -> None:
    with traces.as_current(dropped):
        assert spans.current_trace_id() == dropped.hex_id
        spans.client_span("Query", {}).end()

    assert exporter.get_finished_spans() == ()


@given(IDS, st.sampled_from(SAMPLERS), st.floats(0, 1), st.booleans())
def test_the_sampler_decides_as_the_one_of_the_sdk(trace_id: int, name: str, ratio: float, failed: bool) -> None:
    tracing = read_tracing({})._replace(sampler=name, ratio=ratio)
    provider = Provider(tracing, Resource.get_empty())
    attributes = {"error.type": "503"} if failed else {}

    decided = sampler_of(tracing).should_sample(spans.NEW_TRACE, trace_id, "x", SpanKind.SERVER, attributes).decision

    assert (provider.samples(trace_id) or (failed and provider.keeps_errors)) == (decided is Decision.RECORD_AND_SAMPLE)


@pytest.mark.parametrize(
    ("variables", "attributes", "links"),
    [
        ({"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "3"}, {"a": "123", "b": "123", "c": 1}, 3),
        ({"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "1"}, {"c": 1}, 3),
        ({"OTEL_SPAN_LINK_COUNT_LIMIT": "2"}, {"a": "1234", "b": "12345", "c": 1}, 2),
    ],
    ids=["length", "attributes", "links"],
)
def test_recorded_spans_keep_to_the_limits(
    variables: dict[str, str], attributes: dict[str, str | int], links: int
) -> None:
    """As spans of the tracer do: the oldest is dropped and counted."""
    exporter = InMemorySpanExporter()
    provider = Provider(read_tracing(variables), Resource.get_empty())
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    given_links = [LinkedSpan(TRACE_ID, one, is_remote=True, flags=1) for one in (1, 2, 3)]
    given_attributes: dict[str, str | int] = {"a": "1234", "b": "12345", "c": 1}

    provider.record(RecordedSpan(DELIVERY, TRACE_ID, 1, None, 1, 2, given_attributes, given_links, failed=False))
    provider.get_tracer("").start_span(
        "created", attributes=given_attributes, links=[trace.Link(link.context()) for link in given_links]
    ).end()

    for span in exporter.get_finished_spans():
        assert (span.attributes, len(span.links)) == (attributes, links)
        assert (span.dropped_attributes, span.dropped_links) == (3 - len(attributes), 3 - links)


TRACEPARENTS = st.from_regex(
    r"[ \t]{0,2}(00|01|ff|cc)-(0{32}|[0-9a-f]{32})-(0{16}|[0-9a-f]{16})-[0-9a-f]{2}(-[^\x00]{0,4}|[ \t\n]{0,2})",
    fullmatch=True,
)


@given(TRACEPARENTS | st.text() | st.none())
def test_a_traceparent_links_what_the_propagator_reads(traceparent: str | None) -> None:
    remote = spans.remote(traceparent)

    linked = traces.linked(traceparent)
    assert (linked.context() if linked else None) == (remote.get_span_context() if remote else None)


def test_a_long_traceparent_links_nothing() -> None:
    traceparent = f"01-{TRACE_ID:032x}-{SPAN_ID:016x}-01-"
    assert traces.linked(traceparent) is not None

    assert traces.linked(traceparent + "x" * 512) is None


def test_a_span_of_another_trace_is_no_parent() -> None:
    with trace.use_span(NonRecordingSpan(SpanContext(TRACE_ID, SPAN_ID, is_remote=False))):
        operation = traces.new_trace()

    assert operation.trace_id != TRACE_ID
