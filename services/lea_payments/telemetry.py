"""Every metric, span and log field we have, one function per thing that happens; decides nothing.

No label, span or line ever carries a person's data or a secret: labels come from our own enums, ids go to spans
and lines only.
"""

import logging
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import product
from typing import Any

import msgspec
import structlog
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import Decision as SamplingDecision
from opentelemetry.sdk.trace.sampling import (
    ParentBased,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import Attributes
from prometheus_client import Counter, Gauge, Histogram, start_http_server

from lea_payments import __version__
from lea_payments.payment import PAID_TWICE, REFUND_FAILED, Fact, Outcome, Payment, PaymentEvent
from lea_payments.payment import Status as PaymentStatus
from lea_payments.settings import Settings
from lea_payments.stripe_events import OTHER_TYPE, SIGNATURE_REASONS, TRANSLATORS, Ignored

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()

UNREAD_TYPE = "unread"
"""The event type of a delivery that was refused before its type could be trusted."""

OTHER = "other"
CURRENCIES = (
    *(
        "aed",
        "aud",
        "cad",
        "chf",
        "cny",
        "eur",
        "gbp",
        "hkd",
        "idr",
        "inr",
        "jpy",
        "krw",
        "myr",
        "nzd",
        "php",
    ),
    *("sgd", "thb", "twd", "usd", "vnd", OTHER),
)
"""The currencies that have a label of their own; the rest counts as `other`, so that series stay bounded."""

DECLINES = (
    *("insufficient_funds", "generic_decline", "lost_card", "stolen_card", "expired_card", "incorrect_cvc"),
    *("processing_error", "incorrect_number", "card_velocity_exceeded", "fraudulent", "do_not_honor"),
    *("authentication_required", "payment_intent_authentication_failure", "async_payment_failed", OTHER),
)
REVIEW_REASONS = ("amount_mismatch", "currency_mismatch", PAID_TWICE, REFUND_FAILED)
FINAL = (PaymentStatus.COMPLETED, PaymentStatus.FAILED, PaymentStatus.EXPIRED)

UNAVAILABLE = "unavailable"
ERROR = "error"
_REFUSALS = ("invalid_signature", "invalid_payload", "too_large", ERROR)
_OF_ANY_TYPE = (Outcome.WRONG_MODE, ERROR)
_OF_USED_TYPES = (
    Outcome.APPLIED,
    Outcome.DUPLICATE,
    Outcome.STALE,
    Outcome.REVIEW,
    Outcome.UNMATCHED,
    UNAVAILABLE,
)

_DELIVERY = ("event_type", "outcome")
EVENTS = Counter("payments_webhook_events_total", "Deliveries by what became of them.", _DELIVERY)
DURATION = Histogram(
    "payments_webhook_processing_duration_seconds",
    "From receiving a delivery to answering it.",
    _DELIVERY,
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20),
)
EVENT_AGE = Histogram(
    "payments_webhook_event_age_seconds",
    "How old an event was when it arrived; retries make it grow.",
    ("event_type",),
    buckets=(1, 5, 15, 30, 60, 300, 900, 3600, 21600, 86400, 259200),
)
LAST_APPLIED = Gauge(
    "payments_webhook_last_applied_timestamp_seconds",
    "When an event of this type last changed a payment, in seconds since 1970.",
    ("event_type",),
)
SIGNATURE_FAILURES = Counter(
    "payments_webhook_signature_failures_total", "Deliveries that did not prove to be Stripe's.", ("reason",)
)
SECRET_USED = Counter(
    "payments_webhook_secret_used_total", "Verified deliveries by the secret that signed them.", ("secret",)
)
CLOCK_SKEW = Gauge(
    "payments_webhook_clock_skew_seconds",
    "Our clock less the sender's at the last signed delivery, its travel included.",
)
OUTCOMES = Counter("payments_outcomes_total", "Payments that reached a status.", ("outcome", "currency"))
AMOUNT = Counter(
    "payments_amount_minor_units_total",
    "Money of the payments that reached a status, in minor units; never add up currencies.",
    ("outcome", "currency"),
)
FAILURES = Counter("payments_failures_total", "Declines and failures by Stripe's code.", ("reason",))
REVIEWS = Counter("payments_review_total", "Payments that a person must look at.", ("reason",))
CHECKOUT_SESSIONS = Counter("payments_checkout_sessions_total", "Checkout sessions by how far they came.", ("stage",))
STORE_DURATION = Histogram(
    "payments_store_operation_duration_seconds",
    "Calls to DynamoDB.",
    ("operation", "outcome"),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
BATCH_SIZE = Histogram(
    "payments_store_batch_size", "Writes that travelled together.", buckets=(1, 2, 3, 5, 8, 13, 20, 25)
)
PAGE_VIEWS = Counter("payments_page_views_total", "Pages shown.", ("page", "status"))
BUILD = Gauge("payments_build_info", "What runs here.", ("version", "revision"))

PAGE_STATUSES = (
    "completed",
    "processing",
    "failed",
    "expired",
    "confirming",
    "not_found",
    "unavailable",
    "shown",
)
CHECKOUT_STAGES = ("created", "reused", "completed", "expired", "failed")
STORE_OPERATIONS = ("apply", "get", "query", "create", "change_checkout")


def _deliveries() -> Iterator[tuple[str, str]]:
    for event_type in TRANSLATORS:
        yield from product((event_type,), (*_OF_USED_TYPES, *_OF_ANY_TYPE))
    yield from product((OTHER_TYPE,), (Outcome.IGNORED, *_OF_ANY_TYPE))
    yield from product((UNREAD_TYPE,), _REFUSALS)


_LABELS: tuple[tuple[Counter | Gauge | Histogram, Iterable[tuple[str, ...]]], ...] = (
    (EVENTS, _deliveries()),
    (DURATION, _deliveries()),
    (EVENT_AGE, product((*TRANSLATORS, OTHER_TYPE))),
    (LAST_APPLIED, product(TRANSLATORS)),
    (SIGNATURE_FAILURES, product(SIGNATURE_REASONS)),
    (SECRET_USED, product(("current", "previous"))),
    (OUTCOMES, product(FINAL, CURRENCIES)),
    (AMOUNT, product(FINAL, CURRENCIES)),
    (FAILURES, product(DECLINES)),
    (REVIEWS, product(REVIEW_REASONS)),
    (CHECKOUT_SESSIONS, product(CHECKOUT_STAGES)),
    (STORE_DURATION, product(STORE_OPERATIONS, ("ok", ERROR))),
    (PAGE_VIEWS, (*product(("success",), PAGE_STATUSES), ("cancel", "shown"))),
)


def _start_every_series_at_zero() -> None:
    """A rate over a series that appears at 1 shows nothing, so each is there from the start."""
    for metric, combinations in _LABELS:
        for labels in combinations:
            metric.labels(*labels)


_start_every_series_at_zero()


class _KeepErrors(Sampler):
    """A share of the new traces, and every span that is started with an error to tell."""

    def __init__(self, ratio: float) -> None:
        self._ratio = TraceIdRatioBased(ratio)

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: trace.TraceState | None = None,
    ) -> SamplingResult:
        if attributes and "error.type" in attributes:
            return SamplingResult(SamplingDecision.RECORD_AND_SAMPLE, attributes, trace_state)
        return self._ratio.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)

    def get_description(self) -> str:
        return f"KeepErrors({self._ratio.get_description()})"


_tracer = trace.get_tracer("lea_payments", __version__)
_propagator = TraceContextTextMapPropagator()


def start(settings: Settings, part: str, revision: str = "") -> None:
    """Starts logs, metrics and traces of this process. Raises OSError when the port of the metrics is in use."""
    _start_logs(settings.log_level)
    BUILD.labels(__version__, revision).set(1)
    if settings.metrics_port:
        start_http_server(settings.metrics_port, settings.host)
    if settings.otlp_endpoint:
        _start_traces(settings, part)


def stop() -> None:
    """Sends the spans that still wait, within 5 s."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        provider.force_flush(5_000)
        provider.shutdown()


def _start_logs(level: str) -> None:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(serializer=_json),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level.lower()),
        logger_factory=structlog.BytesLoggerFactory(sys.stdout.buffer),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_ToStructlog()], level=level.upper(), force=True)


class _ToStructlog(logging.Handler):
    """What libraries log becomes a line of ours."""

    def emit(self, record: logging.LogRecord) -> None:
        log.log(record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info)


def _json(line: Mapping[str, Any], **_: Any) -> bytes:
    return msgspec.json.encode(line, enc_hook=str)


def _start_traces(settings: Settings, part: str) -> None:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - 60 ms

    resource = Resource.create({"service.name": f"lea-payments-{part}", "service.version": __version__})
    sampler = ParentBased(_KeepErrors(settings.sampling_ratio))
    provider = TracerProvider(resource=resource, sampler=sampler)
    exporter = OTLPSpanExporter(endpoint=f"{settings.otlp_endpoint.rstrip('/')}/v1/traces", timeout=5)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)


class Receipt:
    """One delivery on its way through the receiver: when it came and the span that follows it."""

    __slots__ = ("received_at", "span", "started")

    def __init__(self, span: Span) -> None:
        self.span = span
        self.started = time.perf_counter()
        self.received_at = time.time_ns()


_ROUTE = "/webhook/stripe"
_SERVER_SPAN = f"POST {_ROUTE}"
_SERVER_ATTRIBUTES = {
    "http.request.method": "POST",
    "http.route": _ROUTE,
    "url.path": _ROUTE,
    "url.scheme": "http",
}


@contextmanager
def receiving() -> Iterator[Receipt]:
    """The server span of one delivery; a trace of its own, since a stranger's `traceparent` is not trusted."""
    span = _tracer.start_span(_SERVER_SPAN, context=Context(), kind=SpanKind.SERVER, attributes=_SERVER_ATTRIBUTES)
    with trace.use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
        yield Receipt(span)


def answered(
    receipt: Receipt,
    outcome: str,
    http_status: int,
    event: PaymentEvent | Ignored | None,
    payment_id: str | None,
    reason: str | None,
) -> None:
    """A delivery has its answer; `event` is None where it was refused before it could be trusted."""
    label = UNREAD_TYPE if event is None else event.type if event.type in TRANSLATORS else OTHER_TYPE
    seconds = time.perf_counter() - receipt.started
    exemplar = _exemplar(receipt.span)
    EVENTS.labels(label, outcome).inc()
    DURATION.labels(label, outcome).observe(seconds, exemplar)
    if event is not None:
        EVENT_AGE.labels(label).observe(max(0.0, receipt.received_at / 1e9 - event.created), exemplar)
    if outcome == Outcome.APPLIED:
        LAST_APPLIED.labels(label).set(receipt.received_at / 1e9)
    span = _kept_span(receipt, outcome, http_status)
    if span.is_recording():
        _describe(span, outcome, http_status, event, payment_id)
    if span is not receipt.span:
        span.end()
    line = {
        "event_id": event.id if event else None,
        "event_type": event.type if event else UNREAD_TYPE,
        "payment": payment_id,
        "reason": reason,
        "trace_id": trace_id(span),
    }
    write = log.info if http_status < 400 else log.warning  # noqa: PLR2004 - HTTP's own border
    write(
        "webhook",
        outcome=outcome,
        status=http_status,
        ms=round(seconds * 1000, 1),
        **{name: value for name, value in line.items() if value is not None},
    )


def _kept_span(receipt: Receipt, outcome: str, http_status: int) -> Span:
    """The delivery's span, or, for an error that sampling had dropped, one made afterwards that is kept."""
    if http_status < 400 or receipt.span.get_span_context().trace_flags.sampled:  # noqa: PLR2004
        return receipt.span
    attributes = {**_SERVER_ATTRIBUTES, "error.type": outcome}
    return _tracer.start_span(_SERVER_SPAN, Context(), SpanKind.SERVER, attributes, start_time=receipt.received_at)


def _describe(
    span: Span, outcome: str, http_status: int, event: PaymentEvent | Ignored | None, payment_id: str | None
) -> None:
    span.set_attribute("http.response.status_code", http_status)
    span.set_attribute("payments.outcome", outcome)
    if payment_id:
        span.set_attribute("payments.payment.id", payment_id)
    if http_status >= 500:  # noqa: PLR2004 - semantic conventions: a server span fails from 500 on
        span.set_attribute("error.type", outcome)
        span.set_status(Status(StatusCode.ERROR))
    if event is None:
        return
    span.set_attribute("stripe.event.id", event.id)
    span.set_attribute("stripe.event.type", event.type)
    checkout = _remote(event.traceparent) if isinstance(event, PaymentEvent) else None
    if checkout is not None:
        span.add_link(checkout.get_span_context())


def signature_refused(reason: str, skew_seconds: float | None) -> None:
    """A delivery did not prove to be Stripe's; the skew is ours less theirs, in seconds."""
    SIGNATURE_FAILURES.labels(reason).inc()
    if skew_seconds is not None:
        CLOCK_SKEW.set(skew_seconds)


def signature_held(secret_index: int, skew_seconds: float) -> None:
    """A delivery was signed with the secret at this place of the list; 0 is the current one."""
    SECRET_USED.labels("current" if secret_index == 0 else "previous").inc()
    CLOCK_SKEW.set(skew_seconds)


def payment_changed(outcome: Outcome, event: PaymentEvent, before: Payment | None, after: Payment | None) -> None:
    """An event met a record: what changed is counted once per payment, however often Stripe sends the news."""
    if before is None or after is None or outcome not in (Outcome.APPLIED, Outcome.REVIEW):
        return
    if event.fact is Fact.REFUND_FAILED:
        REVIEWS.labels(REFUND_FAILED).inc()
    if after.payment_status is not before.payment_status and after.payment_status in FINAL:
        _final_status(after)
    if after.session_closed and not before.session_closed:
        CHECKOUT_SESSIONS.labels(_STAGES[after.payment_status]).inc()
    if after.status_reason is not None and after.status_reason != before.status_reason:
        _reason_given(after, after.status_reason)


_STAGES = {**{status: str(status) for status in FINAL}, PaymentStatus.PENDING: str(PaymentStatus.COMPLETED)}


def _final_status(after: Payment) -> None:
    currency = after.currency.lower() if after.currency else OTHER
    currency = currency if currency in CURRENCIES else OTHER
    OUTCOMES.labels(after.payment_status, currency).inc()
    AMOUNT.labels(after.payment_status, currency).inc(max(0, after.amount or 0))
    log.info(
        f"payment {after.payment_status}",
        payment=after.payment_intent_id,
        reason=after.status_reason,
        trace_id=trace_id(trace.get_current_span()),
    )


def _reason_given(after: Payment, reason: str) -> None:
    if after.payment_status is PaymentStatus.FAILED:
        code = reason.rpartition(":")[2]
        FAILURES.labels(code if code in DECLINES else OTHER).inc()
    elif reason in REVIEW_REASONS:
        REVIEWS.labels(reason).inc()


@contextmanager
def applying(event_id: str, event_type: str) -> Iterator[Span]:
    """The span from knowing what an event says to knowing what became of it."""
    with _tracer.start_as_current_span("payments.apply", record_exception=False) as span:
        if span.is_recording():
            span.set_attribute("stripe.event.id", event_id)
            span.set_attribute("stripe.event.type", event_type)
        yield span


@contextmanager
def batch(carried: Sequence[Span]) -> Iterator[None]:
    """The span of one round trip that carries the writes of many events; it and they are linked to each other."""
    BATCH_SIZE.observe(len(carried))
    sampled = [span for span in carried if span.get_span_context().trace_flags.sampled]
    if not sampled:
        yield
        return
    attributes: dict[str, str | int] = {
        "db.system.name": "aws.dynamodb",
        "db.operation.name": "BatchExecuteStatement",
        "db.operation.batch.size": len(carried),
    }
    links = [Link(span.get_span_context()) for span in sampled]
    # A child of the first one, so that it is kept where they are kept.
    context = trace.set_span_in_context(sampled[0])
    with _tracer.start_as_current_span("BatchExecuteStatement", context, SpanKind.CLIENT, attributes, links) as span:
        for waiting in sampled:
            waiting.add_link(span.get_span_context())
        yield


@contextmanager
def store_operation(operation: str) -> Iterator[None]:
    """One call to DynamoDB, timed."""
    started = time.perf_counter()
    outcome = ERROR
    try:
        yield
        outcome = "ok"
    finally:
        exemplar = _exemplar(trace.get_current_span())
        STORE_DURATION.labels(operation, outcome).observe(time.perf_counter() - started, exemplar)


def session_opened(*, reused: bool) -> None:
    """The checkout API handed out a payment link: of a new session, or of one that is still open."""
    CHECKOUT_SESSIONS.labels("reused" if reused else "created").inc()


def page_shown(page: str, status: str, *, traceparent: str | None = None, started_ns: int, http_status: int) -> None:
    """A customer saw a page; its span joins the trace that created the checkout. `started_ns`: since 1970."""
    PAGE_VIEWS.labels(page, status).inc()
    attributes: dict[str, str | int] = {
        "http.request.method": "GET",
        "http.route": f"/{page}",
        "http.response.status_code": http_status,
        "payments.page.status": status,
    }
    parent = _remote(traceparent)
    context = trace.set_span_in_context(parent) if parent else Context()
    _tracer.start_span(f"GET /{page}", context, SpanKind.SERVER, attributes, start_time=started_ns).end()


def current_traceparent() -> str | None:
    """The W3C `traceparent` of the span we are in, to be carried through Stripe; None outside of any."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get("traceparent")


def trace_id(span: Span) -> str | None:
    """The trace's id in hex, or None when there is no trace."""
    context = span.get_span_context()
    return trace.format_trace_id(context.trace_id) if context.is_valid else None


def _exemplar(span: Span) -> dict[str, str] | None:
    context = span.get_span_context()
    return {"trace_id": trace.format_trace_id(context.trace_id)} if context.trace_flags.sampled else None


def _remote(traceparent: str | None) -> Span | None:
    if not traceparent:
        return None
    span = trace.get_current_span(_propagator.extract({"traceparent": traceparent}, Context()))
    return span if span.get_span_context().is_valid else None
