"""What is told of calls to DynamoDB: how long each took and how it ended, with the trace that waited for it.

A page knows its trace only when it has read the record that names it, so its calls are gathered and told afterwards.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache

from opentelemetry import trace
from opentelemetry.trace import Span, Status, StatusCode
from prometheus_client import Histogram

from lea_payments.log import log
from lea_payments.telemetry import metrics, spans

CALLS: Mapping[str, str] = {
    "get": "GetItem",
    "query": "Query",
    "create": "PutItem",
    "change_checkout": "UpdateItem",
}
"""DynamoDB's names for our operations; `apply` is missing, as a batch has a span already that many events share."""


class Call:
    """One call; `outcome` is a failure until somebody says otherwise."""

    __slots__ = ("operation", "outcome", "seconds", "started_ns")

    def __init__(self, operation: str) -> None:
        self.operation = operation
        self.outcome = metrics.ERROR
        self.started_ns = time.time_ns()
        self.seconds = 0.0


_gathered: ContextVar[list[Call] | None] = ContextVar("gathered", default=None)


_in_spans: ContextVar[bool] = ContextVar("in_spans", default=True)


@cache
def _series(operation: str, outcome: str) -> Histogram:
    return metrics.STORE_DURATION.labels(operation, outcome)


@contextmanager
def store_operation(operation: str) -> Iterator[Call]:
    """One call to DynamoDB, timed; who makes it says how it ended."""
    call = Call(operation)
    started = time.perf_counter()
    span = _span_of(call)
    try:
        yield call
    finally:
        call.seconds = time.perf_counter() - started
        _end(span, call)
        waiting = _gathered.get()
        if waiting is None:
            _observe(call, trace.get_current_span())
        else:
            waiting.append(call)


def index_query_failed(*, index: str, code: str) -> None:
    """A query of an index was refused, most often because the table lacks the index."""
    log.warning("index_query_failed", index=index, code=code, remedy="run lea-payments init-table")


@contextmanager
def gathering() -> Iterator[list[Call]]:
    """Keeps what is to be told of the calls made here, for `tell`; what nobody takes is told at the end."""
    calls: list[Call] = []
    token = _gathered.set(calls)
    try:
        yield calls
    finally:
        _gathered.reset(token)
        tell(calls, trace.INVALID_SPAN)


def tell(calls: list[Call], span: Span) -> None:
    """Tells of gathered calls, which were made while this span lasted, and forgets them."""
    with trace.use_span(span):
        for call in calls:
            _end(_span_of(call), call)
            _observe(call, span)
    calls.clear()


@contextmanager
def without_spans() -> Iterator[None]:
    """Calls made here get no spans of their own, since one trace would have thousands of them."""
    token = _in_spans.set(False)
    try:
        yield
    finally:
        _in_spans.reset(token)


def _observe(call: Call, span: Span) -> None:
    _series(call.operation, call.outcome).observe(call.seconds, spans.exemplar(span))


def _span_of(call: Call) -> Span:
    name = CALLS.get(call.operation)
    if name is None or not _in_spans.get():
        return trace.INVALID_SPAN
    attributes = {"db.system.name": "aws.dynamodb", "db.operation.name": name}
    return spans.calling(name, attributes, call.started_ns)


def _end(span: Span, call: Call) -> None:
    if not span.is_recording():
        return
    if call.outcome in (metrics.ERROR, metrics.THROTTLED):
        span.set_attribute("error.type", call.outcome)
        span.set_status(Status(StatusCode.ERROR))
    span.end(call.started_ns + round(call.seconds * 1e9))
