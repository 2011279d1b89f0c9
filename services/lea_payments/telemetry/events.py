"""What is told of each thing that happens, in metrics, spans and lines: one function for each; decides nothing.

No label, span or line ever carries a person's data or a secret: labels come from our own enums, ids go to spans
and lines only.
"""

import time
from functools import cache
from typing import Self, TypeVar

from opentelemetry import trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from prometheus_client import Counter, Gauge, Histogram

from lea_payments.log import log
from lea_payments.payment.event import CHANGES, Fact, Outcome, PaymentEvent
from lea_payments.payment.record import Payment
from lea_payments.payment.record import Status as PaymentStatus
from lea_payments.payment.rules import REFUND_FAILED
from lea_payments.stripe.events import OTHER_TYPE, TRANSLATORS, Ignored
from lea_payments.stripe.signature import REMEDIES
from lea_payments.telemetry import metrics, spans
from lea_payments.telemetry import store_calls as store_telemetry
from lea_payments.telemetry.throttle import Seldom

MetricT = TypeVar("MetricT", Counter, Gauge, Histogram)


@cache
def _series(metric: MetricT, *labels: str) -> MetricT:
    """The metric's child; looking it up by its labels each time costs more than counting."""
    return metric.labels(*labels)


WEBHOOK_ROUTE = "/webhook/stripe"
_SERVER_SPAN = f"POST {WEBHOOK_ROUTE}"
_SERVER_ATTRIBUTES = {
    "http.request.method": "POST",
    "http.route": WEBHOOK_ROUTE,
    "url.path": WEBHOOK_ROUTE,
    "url.scheme": "http",
}
_NOWHERE = Context()


class Receiving:
    """The server span of one delivery, from its first byte to its answer, and when it came.

    A trace of its own, since a stranger's `traceparent` is not trusted.
    """

    __slots__ = ("_token", "received_at", "span", "started")

    def __enter__(self) -> Self:
        """Starts the span and makes it the current one."""
        self.started = time.perf_counter()
        self.received_at = time.time_ns()
        self.span = spans.tracer.start_span(_SERVER_SPAN, _NOWHERE, SpanKind.SERVER, _SERVER_ATTRIBUTES)
        self._token = attach(trace.set_span_in_context(self.span, _NOWHERE))
        return self

    def __exit__(self, *_: object) -> None:
        """Ends it, whatever the outcome."""
        detach(self._token)
        self.span.end()


def answered(
    receipt: Receiving,
    outcome: str,
    http_status: int,
    event: PaymentEvent | Ignored | None,
    payment_id: str | None,
    reason: str | None,
) -> None:
    """A delivery has its answer; `event` is None where it was refused before it could be trusted."""
    label = metrics.UNREAD_TYPE if event is None else event.type if event.type in TRANSLATORS else OTHER_TYPE
    seconds = time.perf_counter() - receipt.started
    span = receipt.span
    if http_status >= 400:  # noqa: PLR2004 - HTTP's own border
        span = spans.kept(span, _SERVER_SPAN, {**_SERVER_ATTRIBUTES, "error.type": outcome}, receipt.received_at)
    exemplar = spans.exemplar(span)
    _series(metrics.EVENTS, label, outcome).inc()
    _series(metrics.DURATION, label, outcome).observe(seconds, exemplar)
    if event is not None:
        _series(metrics.EVENT_AGE, label).observe(max(0.0, receipt.received_at / 1e9 - event.created), exemplar)
    if outcome == Outcome.APPLIED:
        _series(metrics.LAST_APPLIED, label).set(receipt.received_at / 1e9)
    if span.is_recording():
        _describe(span, outcome, http_status, event, payment_id)
    if span is not receipt.span:
        span.end()
    line = {
        "event_id": event.id if event else None,
        "event_type": event.type if event else metrics.UNREAD_TYPE,
        "payment": payment_id,
        "reason": reason,
        "trace_id": spans.trace_id(span),
    }
    write = log.info if http_status < 400 else log.warning  # noqa: PLR2004 - HTTP's own border
    write(
        "webhook",
        outcome=outcome,
        status=http_status,
        ms=round(seconds * 1000, 1),
        **{name: value for name, value in line.items() if value is not None},
    )


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
    checkout = spans.remote(event.traceparent) if isinstance(event, PaymentEvent) else None
    if checkout is not None:
        span.add_link(checkout.get_span_context())


_refusals = Seldom(seconds=60)


def signature_refused(reason: str, skew_seconds: float | None) -> None:
    """A delivery did not prove to be Stripe's; the skew is ours less theirs, in seconds. Once a minute, what to do."""
    _series(metrics.SIGNATURE_FAILURES, reason).inc()
    if skew_seconds is not None:
        metrics.CLOCK_SKEW.set(skew_seconds)
    count = _refusals.pass_on(reason, time.monotonic())
    if count:
        log.warning("signature_refused", reason=reason, count=count, remedy=REMEDIES[reason])


def signature_held(secret_index: int, skew_seconds: float) -> None:
    """A delivery was signed with the secret at this place of the list; 0 is the current one."""
    _series(metrics.SECRET_USED, "current" if secret_index == 0 else "previous").inc()
    metrics.CLOCK_SKEW.set(skew_seconds)


def payment_changed(outcome: Outcome, event: PaymentEvent, before: Payment | None, after: Payment | None) -> None:
    """An event met a record: what changed is counted once per payment, however often Stripe sends the news."""
    if before is None or after is None or outcome not in CHANGES:
        return
    if event.fact is Fact.REFUND_FAILED:
        _series(metrics.REVIEWS, REFUND_FAILED).inc()
    if after.payment_status is not before.payment_status and after.payment_status in metrics.FINAL:
        _final_status(after)
        if after.payment_status is PaymentStatus.COMPLETED and event.session_created is not None:
            seconds = max(0.0, time.time() - event.session_created)
            metrics.COMPLETION_TIME.observe(seconds, spans.exemplar(trace.get_current_span()))
    if after.session_closed and not before.session_closed:
        _series(metrics.CHECKOUT_SESSIONS, _STAGES[after.payment_status]).inc()
    if after.status_reason is not None and after.status_reason != before.status_reason:
        _reason_given(after, after.status_reason)


_STAGES = {**{status: str(status) for status in metrics.FINAL}, PaymentStatus.PENDING: str(PaymentStatus.COMPLETED)}


def _final_status(after: Payment) -> None:
    currency = after.currency.lower() if after.currency else metrics.OTHER
    currency = currency if currency in metrics.CURRENCIES else metrics.OTHER
    _series(metrics.OUTCOMES, after.payment_status, currency).inc()
    _series(metrics.AMOUNT, after.payment_status, currency).inc(max(0, after.amount or 0))
    log.info(
        f"payment {after.payment_status}",
        payment=after.payment_intent_id,
        reason=after.status_reason,
        trace_id=spans.trace_id(trace.get_current_span()),
    )


def _reason_given(after: Payment, reason: str) -> None:
    if after.payment_status is PaymentStatus.FAILED:
        code = reason.rpartition(":")[2]
        _series(metrics.FAILURES, code if code in metrics.DECLINES else metrics.OTHER).inc()
    elif reason in metrics.REVIEW_REASONS:
        _series(metrics.REVIEWS, reason).inc()


def session_opened(payment_id: str, *, reused: bool) -> None:
    """The checkout API handed out a payment link: of a new session, or of one that is still open."""
    _series(metrics.CHECKOUT_SESSIONS, "reused" if reused else "created").inc()
    trace.get_current_span().set_attribute("payments.payment.id", payment_id)


def page_shown(
    page: str,
    status: str,
    payment: Payment | None,
    *,
    started_ns: int,
    http_status: int,
    calls: list[store_telemetry.Call],
) -> None:
    """A customer saw a page; its span joins the trace that created the checkout. `started_ns`: since 1970.

    The page `other` has no address of ours. `calls` are those to DynamoDB that it took.
    """
    _series(metrics.PAGE_VIEWS, page, status).inc()
    attributes: dict[str, str | int] = {
        "http.request.method": "GET",
        "http.response.status_code": http_status,
        "payments.page.status": status,
    }
    name = "GET"
    if page != metrics.OTHER:
        attributes["http.route"] = f"/{page}"
        name = f"GET /{page}"
    failed = http_status >= 500  # noqa: PLR2004 - semantic conventions: a server span fails from 500 on
    if failed:
        attributes["error.type"] = status
    if payment:
        attributes["payments.payment.id"] = payment.payment_intent_id
    parent = spans.remote(payment.traceparent) if payment else None
    around = trace.set_span_in_context(parent) if parent else Context()
    span = spans.tracer.start_span(name, around, SpanKind.SERVER, attributes, start_time=started_ns)
    if failed:
        span.set_status(Status(StatusCode.ERROR))
    store_telemetry.tell(calls, span)
    span.end()
    line = {"payment": payment.payment_intent_id if payment else None, "trace_id": spans.trace_id(span)}
    log.info("page shown", page=page, status=status, **{name: value for name, value in line.items() if value})
