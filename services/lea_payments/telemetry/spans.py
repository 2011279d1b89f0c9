"""Starts spans, and joins them across services and through Stripe."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Self

from opentelemetry import trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from lea_payments import __version__

tracer = trace.get_tracer("lea_payments", __version__)
NO_ATTRIBUTES: Mapping[str, str] = {}
NEW_TRACE = Context()
"""The parent of a span that starts a trace of its own."""

_propagator = TraceContextTextMapPropagator()


def client_span(name: str, attributes: Mapping[str, str]) -> Span:
    """A span for a call to another service, not yet current. It records nothing if its trace is not sampled."""
    if not trace.get_current_span().get_span_context().trace_flags.sampled:
        return trace.INVALID_SPAN
    return tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes)


def fail(span: Span, error_type: str) -> None:
    """Marks a span as failed."""
    span.set_attribute("error.type", error_type)
    span.set_status(Status(StatusCode.ERROR))


@contextmanager
def stripe_call(method: str, route: str) -> Iterator[None]:
    """The span of one call to Stripe, including the retries of the official package."""
    span = client_span(
        f"{method} {route}", {"http.request.method": method, "url.template": route, "peer.service": "stripe"}
    )
    try:
        yield
    except Exception as error:
        fail(span, type(error).__name__)
        raise
    finally:
        span.end()


class OperationSpan:
    """The span of a whole operation: a request, a tool call, a run of the reconciler.

    Sampling is decided at its start. A failed operation whose span was dropped gets a new span, which is always kept.
    """

    __slots__ = (
        "_attributes",
        "_is_discarded",
        "_kind",
        "_name",
        "_parent",
        "_replacement",
        "_token",
        "span",
        "started",
        "started_ns",
    )

    def __init__(
        self,
        name: str,
        kind: SpanKind = SpanKind.SERVER,
        attributes: Mapping[str, str] = NO_ATTRIBUTES,
        parent: Context = NEW_TRACE,
    ) -> None:
        self._name, self._kind, self._attributes, self._parent = name, kind, attributes, parent
        self._replacement: Span | None = None
        self._is_discarded = False

    def __enter__(self) -> Self:
        """Starts the span and makes it the current one."""
        self.started, self.started_ns = time.perf_counter(), time.time_ns()
        self.span = tracer.start_span(self._name, self._parent, self._kind, self._attributes)
        self._token = attach(trace.set_span_in_context(self.span, self._parent))
        return self

    def __exit__(self, *_: object) -> None:
        """Ends the span."""
        detach(self._token)
        if self._is_discarded:
            return  # a span that never ends is never exported
        self.span.end()
        if self._replacement is not None:
            self._replacement.end()

    @property
    def seconds(self) -> float:
        """The time since the start."""
        return time.perf_counter() - self.started

    def discard(self) -> None:
        """Exports nothing of this operation."""
        self._is_discarded = True

    def failed(self, error_type: str, name: str = "", attributes: Mapping[str, str] = NO_ATTRIBUTES) -> Span:
        """The span of the failed operation: its own, or a new one if sampling dropped it."""
        if self.span.get_span_context().trace_flags.sampled:
            return self.span
        attributes = {**self._attributes, **attributes, "error.type": error_type}  # the sampler keeps an `error.type`
        self._replacement = tracer.start_span(
            name or self._name, NEW_TRACE, self._kind, attributes, start_time=self.started_ns
        )
        return self._replacement


def current_traceparent() -> str | None:
    """The W3C `traceparent` of the current span, or None. Checkout stores it in the record and sends it to Stripe."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get("traceparent")


def trace_id(span: Span) -> str | None:
    """The id of the span's trace in hex, or None if there is no trace."""
    context = span.get_span_context()
    return trace.format_trace_id(context.trace_id) if context.is_valid else None


def current_trace_id() -> str | None:
    """The id of the current trace in hex, or None if there is no trace."""
    return trace_id(trace.get_current_span())


def exemplar(span: Span) -> dict[str, str] | None:
    """The exemplar that joins a metric's sample to its trace, or None if the trace is not sampled."""
    context = span.get_span_context()
    return {"trace_id": trace.format_trace_id(context.trace_id)} if context.trace_flags.sampled else None


def remote(traceparent: str | None) -> Span | None:
    """The span that a W3C `traceparent` names, or None if it names none."""
    if not traceparent:
        return None
    span = trace.get_current_span(_propagator.extract({"traceparent": traceparent}, NEW_TRACE))
    return span if span.get_span_context().is_valid else None


def link(span: Span, traceparent: str | None) -> None:
    """Links a span to the one that a W3C `traceparent` names, if it names one."""
    target = remote(traceparent)
    if target is not None:
        span.add_link(target.get_span_context())
