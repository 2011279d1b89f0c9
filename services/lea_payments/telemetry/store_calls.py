"""Records calls to DynamoDB as metrics, spans and log lines."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from opentelemetry import trace
from opentelemetry.trace import Span

from lea_payments.log import log
from lea_payments.telemetry import metrics, spans
from lea_payments.telemetry.metrics import series
from lea_payments.telemetry.throttle import Throttle

OPERATION_NAMES: Mapping[str, str] = {
    "get": "GetItem",
    "query": "Query",
    "create": "PutItem",
    "change_checkout": "UpdateItem",
    "notify": "UpdateItem",
}
"""DynamoDB's names for our operations. `apply` is missing: see `telemetry.applying`."""

_failed_queries = Throttle(seconds=60)
_failed_pings = Throttle(seconds=60)
_with_spans: ContextVar[bool] = ContextVar("with_spans", default=True)


class StoreCall:
    """One call. Its outcome is an error until the caller sets it."""

    __slots__ = ("outcome",)

    def __init__(self) -> None:
        self.outcome = metrics.ERROR


@contextmanager
def store_operation(operation: str) -> Iterator[StoreCall]:
    """Measures one call to DynamoDB; the caller sets its outcome."""
    call = StoreCall()
    span = _span_of(operation)
    started = time.perf_counter()
    try:
        yield call
    finally:
        seconds = time.perf_counter() - started
        if span.is_recording():
            if call.outcome in (metrics.ERROR, metrics.THROTTLED):
                spans.fail(span, call.outcome)
            span.end()
        series(metrics.STORE_CALLS, operation, call.outcome).inc()
        series(metrics.STORE_DURATION, operation).observe(seconds, spans.exemplar(trace.get_current_span()))


@contextmanager
def without_spans() -> Iterator[None]:
    """Calls inside get no spans: one trace of the reconciler would have thousands of them."""
    token = _with_spans.set(False)
    try:
        yield
    finally:
        _with_spans.reset(token)


def index_query_failed(*, index: str, code: str) -> None:
    """An index of the table could not be queried, so that records are not found through it. One line per minute."""
    count = _failed_queries.count(index, time.monotonic())
    if count:
        log.warning("index_query_failed", index=index, code=code, count=count, remedy="run lea-payments init-table")


def ping_failed(problem: str) -> None:
    """The table did not respond, or refused what the service needs. One line per minute."""
    count = _failed_pings.count("", time.monotonic())
    if count:
        log.warning("table_ping_failed", problem=problem, count=count, remedy="run lea-payments check")


def _span_of(operation: str) -> Span:
    name = OPERATION_NAMES.get(operation)
    if name is None or not _with_spans.get():
        return trace.INVALID_SPAN
    return spans.client_span(name, {"db.system.name": "aws.dynamodb", "db.operation.name": name})
