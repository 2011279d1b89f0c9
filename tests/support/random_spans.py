"""Random spans, with everything that OpenTelemetry's SDK can put into one."""

from typing import Any

from hypothesis import strategies as st
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util import BoundedList
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from lea_payments.telemetry.tracing.recorded import CommonParts, LinkedSpan, RecordedSpan

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["x" * 127, "é" * 64, "x" * 20_000]
)
NAMES = st.sampled_from(["http.route", "a", "payments.payment.id"]) | st.text(
    st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5
)
NUMBERS = st.sampled_from([0, 1, 127, 128, 200, -1, 2**31, 2**63 - 1, -(2**63), 2**63]) | st.integers()
SINGLE = st.none() | st.booleans() | NUMBERS | st.floats() | st.text(max_size=5) | TEXTS | st.binary(max_size=4)
VALUES = st.recursive(
    SINGLE, lambda one: st.lists(one, max_size=3) | st.dictionaries(NAMES, one, max_size=2), max_leaves=4
)
TIMES = st.none() | st.integers(0, 2**64 - 1)
LIMITS = st.none() | st.integers(0, 3)


@st.composite
def attributes(draw: st.DrawFn) -> BoundedAttributes:
    """Attributes of a span; maybe there were more of them."""
    return BoundedAttributes(draw(LIMITS), draw(st.dictionaries(NAMES, VALUES, max_size=5)), max_value_len=draw(LIMITS))


@st.composite
def contexts(draw: st.DrawFn) -> SpanContext:
    """The ids of a span."""
    return SpanContext(
        draw(st.integers(1, 2**128 - 1)),
        draw(st.integers(1, 2**64 - 1)),
        draw(st.booleans()),
        TraceFlags(draw(st.integers(0, 3))),
        draw(st.none() | st.builds(lambda key: TraceState([(key, "x")]), st.sampled_from("abc"))),
    )


STATUSES = st.builds(Status, st.sampled_from(StatusCode)) | st.builds(Status, st.just(StatusCode.ERROR), TEXTS)
LINKS = st.lists(st.builds(Link, contexts(), st.none() | attributes()), max_size=3)
EVENTS = st.lists(st.builds(Event, TEXTS, st.none() | attributes(), st.integers(1, 2**64 - 1)), max_size=2)
RESOURCE = Resource({"service.name": "lea-payments-webhook", "number": 1, "list": ["a", "b"]}, "https://example.com/r")
SCOPES = (
    None,
    InstrumentationScope("lea_payments", "1"),
    InstrumentationScope("other", None, "https://example.com/s", {"a": 1}),
)


def _bounded(items: st.SearchStrategy[list[Any]]) -> st.SearchStrategy[Any]:
    return st.builds(BoundedList.from_seq, LIMITS, items)


SPANS = st.builds(
    ReadableSpan,
    TEXTS,
    contexts(),
    st.none() | contexts(),
    st.just(RESOURCE),
    st.none() | attributes(),
    _bounded(EVENTS),
    _bounded(LINKS),
    st.sampled_from(SpanKind),
    st.none(),
    STATUSES,
    TIMES,
    TIMES,
    st.sampled_from(SCOPES),
)

SPAN_IDS = st.integers(1, 2**64 - 1)
OWN_ATTRIBUTES = st.dictionaries(NAMES, st.text(max_size=5) | TEXTS | NUMBERS, max_size=5)
COMMON_ATTRIBUTES = st.dictionaries(st.sampled_from(["common", "url.path"]), TEXTS | NUMBERS)
RECORDED = st.builds(
    RecordedSpan,
    st.builds(CommonParts, TEXTS, st.sampled_from(SpanKind), COMMON_ATTRIBUTES),
    st.integers(1, 2**128 - 1),
    SPAN_IDS,
    st.none() | SPAN_IDS,
    st.integers(1, 2**64 - 1),
    st.integers(1, 2**64 - 1),
    OWN_ATTRIBUTES,
    st.lists(st.builds(LinkedSpan, st.integers(1, 2**128 - 1), SPAN_IDS, st.booleans(), st.integers(0, 3)), max_size=3),
    st.booleans(),
)
