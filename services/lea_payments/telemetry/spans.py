"""The spans of what happens inside a part, and how spans are joined across parts and through Stripe."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from lea_payments import __version__
from lea_payments.telemetry import metrics

tracer = trace.get_tracer("lea_payments", __version__)
_propagator = TraceContextTextMapPropagator()


def applying(event_id: str, event_type: str) -> AbstractContextManager[Span]:
    """The span from knowing what an event says to knowing what became of it; none where its trace is not kept."""
    current = trace.get_current_span()
    if current.get_span_context().is_valid and not current.is_recording():
        return nullcontext(current)
    return _applying(event_id, event_type)


@contextmanager
def _applying(event_id: str, event_type: str) -> Iterator[Span]:
    with tracer.start_as_current_span("payments.apply", record_exception=False) as span:
        if span.is_recording():
            span.set_attribute("stripe.event.id", event_id)
            span.set_attribute("stripe.event.type", event_type)
        yield span


@contextmanager
def batch(carried: Sequence[Span]) -> Iterator[None]:
    """The span of one round trip that carries the writes of many events; it and they are linked to each other."""
    sampled = [span for span in carried if span.get_span_context().trace_flags.sampled]
    if not sampled:
        metrics.BATCH_SIZE.observe(len(carried))
        # The task that sends is as old as the first event it carried, and would still be in that one's trace.
        with trace.use_span(trace.INVALID_SPAN):
            yield
        return
    metrics.BATCH_SIZE.observe(len(carried), exemplar(sampled[0]))
    attributes: dict[str, str | int] = {
        "db.system.name": "aws.dynamodb",
        "db.operation.name": "BatchExecuteStatement",
        "db.operation.batch.size": len(carried),
    }
    links = [Link(span.get_span_context()) for span in sampled]
    # A child of the first one, so that it is kept where they are kept.
    around = trace.set_span_in_context(sampled[0])
    with tracer.start_as_current_span("BatchExecuteStatement", around, SpanKind.CLIENT, attributes, links) as span:
        for waiting in sampled:
            waiting.add_link(span.get_span_context())
        yield


def calling(name: str, attributes: Mapping[str, str], started_ns: int | None = None) -> Span:
    """A span around a call to another service, not yet current; none of its own where its trace is not kept."""
    if not trace.get_current_span().is_recording():
        return trace.INVALID_SPAN
    return tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes, start_time=started_ns)


@contextmanager
def stripe_call(method: str, route: str) -> Iterator[None]:
    """The span of one call to Stripe, its retries by the official package included."""
    span = calling(
        f"{method} {route}", {"http.request.method": method, "url.template": route, "peer.service": "stripe"}
    )
    try:
        yield
    except Exception as error:
        span.set_attribute("error.type", type(error).__name__)
        span.set_status(Status(StatusCode.ERROR))
        raise
    finally:
        if span.is_recording():
            span.end()


def kept(
    span: Span, name: str, attributes: Mapping[str, str], started_ns: int, kind: SpanKind = SpanKind.SERVER
) -> Span:
    """The span of work that failed, or, where sampling has dropped it, one made afterwards that is kept.

    The attributes hold an `error.type`, by which the sampler knows it.
    """
    if span.get_span_context().trace_flags.sampled:
        return span
    return tracer.start_span(name, Context(), kind, attributes, start_time=started_ns)


def current_traceparent() -> str | None:
    """The W3C `traceparent` of the span we are in, to be carried through Stripe; None outside of any."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get("traceparent")


def trace_id(span: Span) -> str | None:
    """The trace's id in hex, or None when there is no trace."""
    context = span.get_span_context()
    return trace.format_trace_id(context.trace_id) if context.is_valid else None


def exemplar(span: Span) -> dict[str, str] | None:
    """What joins a metric's sample to its trace, where that is kept."""
    context = span.get_span_context()
    return {"trace_id": trace.format_trace_id(context.trace_id)} if context.trace_flags.sampled else None


def remote(traceparent: str | None) -> Span | None:
    """The span that a W3C `traceparent` names; None when it names none."""
    if not traceparent:
        return None
    span = trace.get_current_span(_propagator.extract({"traceparent": traceparent}, Context()))
    return span if span.get_span_context().is_valid else None
