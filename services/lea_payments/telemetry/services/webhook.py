"""Records deliveries to the webhook as metrics, spans and log lines.

No label, span attribute or log field holds personal data or a secret: labels come from our own enums, and ids go to
spans and log lines only.
"""

import time
from functools import cache, lru_cache

import msgspec
from opentelemetry.trace import SpanKind

from lea_payments.log import log
from lea_payments.payment.event import Outcome, PaymentEvent
from lea_payments.stripe.events import EVENT_TYPES, OTHER_TYPE, WEBHOOK_PATH, Ignored
from lea_payments.stripe.signature import REMEDIES
from lea_payments.telemetry import metrics, traces
from lea_payments.telemetry.exposition.one_thread import Counter, Gauge, Histogram
from lea_payments.telemetry.metrics import series
from lea_payments.telemetry.throttle import PerSecond, Throttle
from lea_payments.telemetry.tracing.recorded import CommonParts

_SPAN_NAME = f"POST {WEBHOOK_PATH}"
_SPAN_ATTRIBUTES = {
    "http.request.method": "POST",
    "http.route": WEBHOOK_PATH,
    "url.path": WEBHOOK_PATH,
    "url.scheme": "http",
}
_CLIENT_ERROR, _SERVER_ERROR = 400, 500
_IGNORED, _APPLIED = Outcome.IGNORED, Outcome.APPLIED

_rejections = Throttle(seconds=60)
_unverified = PerSecond(10)
_invalid_secret_files = Throttle(seconds=60)


class _Answers(msgspec.Struct, frozen=True):
    """The series of the answers with one event type and one outcome. `last_applied` is None for most outcomes."""

    events: Counter
    duration: Histogram
    last_applied: Gauge | None


@cache
def _answers(event_type: str, outcome: str) -> _Answers:
    """One look-up for all of them."""
    return _Answers(
        series(metrics.EVENTS, event_type, outcome),
        series(metrics.DURATION, outcome),
        series(metrics.LAST_APPLIED, event_type) if outcome == _APPLIED else None,
    )


@lru_cache(256)
def _answered_delivery(http_status: int, outcome: str, event_type: str | None) -> CommonParts:
    """What the spans of all deliveries with the same answer have in common."""
    answer: dict[str, str | int] = {"http.response.status_code": http_status, "payments.outcome": outcome}
    event = {} if event_type is None else {"stripe.event.type": event_type}
    error = {"error.type": outcome} if _CLIENT_ERROR <= http_status < _SERVER_ERROR else {}
    return CommonParts(_SPAN_NAME, SpanKind.SERVER, {**_SPAN_ATTRIBUTES, **answer, **event, **error})


class Delivery:
    """One delivery. It starts a trace of its own: a `traceparent` header could come from anyone.

    `started` is in seconds of `time.perf_counter()`, `started_ns` the same moment in nanoseconds since 1970.
    """

    __slots__ = ("_started", "_started_ns", "trace")

    def __init__(self, started: float, started_ns: int) -> None:
        self._started, self._started_ns = started, started_ns
        self.trace = traces.new_trace()

    def answered(
        self,
        outcome: str,
        http_status: int,
        event: PaymentEvent | Ignored | None,
        payment_id: str | None,
        reason: str | None,
    ) -> None:
        """It is answered. `event` is None if the delivery was rejected before its event could be trusted.

        Metrics count every delivery; log lines and traces of those without an event are limited.
        """
        event_type = metrics.UNREAD_TYPE if event is None else event.type if event.type in EVENT_TYPES else OTHER_TYPE
        seconds = time.perf_counter() - self._started
        is_recorded = event is not None or _is_within_limit(outcome, reason)
        if is_recorded and http_status >= _CLIENT_ERROR:
            traces.keep(self.trace)
        exemplar = self.trace.exemplar if is_recorded else None
        answers = _answers(event_type, outcome)
        answers.events.inc()
        answers.duration.observe(seconds, exemplar)
        if event is not None and event.created is not None:
            metrics.EVENT_AGE.observe(max(0.0, self._started_ns / 1e9 - event.created), exemplar)
        if isinstance(event, Ignored) or outcome == _IGNORED:
            _count_ignored(reason or "")
        if answers.last_applied is not None:
            answers.last_applied.set(self._started_ns / 1e9)
        if not is_recorded:
            return
        if self.trace.is_sampled:
            self._record_span(seconds, outcome, http_status, event, payment_id)
        fields: dict[str, str | int | float] = {
            "outcome": outcome,
            "http_status": http_status,
            "duration_ms": round(seconds * 10_000) / 10,  # a third of the instructions of a rounding to one decimal
        }
        self._add_fields(fields, event, payment_id, reason)
        write = log.info if http_status < _CLIENT_ERROR else log.warning
        write("webhook_answered", **fields)

    def _add_fields(
        self,
        fields: dict[str, str | int | float],
        event: PaymentEvent | Ignored | None,
        payment_id: str | None,
        reason: str | None,
    ) -> None:
        """Adds those fields of the log line that have a value."""
        if event is not None:
            fields["event_id"] = event.id
        fields["event_type"] = metrics.UNREAD_TYPE if event is None else event.type
        if payment_id is not None:
            fields["payment_id"] = payment_id
        if reason is not None:
            fields["reason"] = reason
        if self.trace.hex_id is not None:
            fields["trace_id"] = self.trace.hex_id

    def _record_span(
        self,
        seconds: float,
        outcome: str,
        http_status: int,
        event: PaymentEvent | Ignored | None,
        payment_id: str | None,
    ) -> None:
        attributes: dict[str, str | int] = {}
        if payment_id:
            attributes["payments.payment.id"] = payment_id
        if event is not None:
            attributes["stripe.event.id"] = event.id
        checkout = traces.linked(event.traceparent) if isinstance(event, PaymentEvent) else None
        traces.record(
            _answered_delivery(http_status, outcome, event.type if event is not None else None),
            self.trace,
            span_id=self.trace.span_id,
            parent_id=None,
            started_ns=self._started_ns,
            ended_ns=self._started_ns + int(seconds * 1e9),
            attributes=attributes,
            links=[checkout] if checkout else (),
            # Semantic conventions: a server span fails from 500 on, and then this adds `error.type`.
            error=outcome if http_status >= _SERVER_ERROR else None,
        )


def _count_ignored(reason: str) -> None:
    reason = reason.partition(":")[0]
    series(metrics.IGNORED, reason if reason in metrics.IGNORED_REASONS else metrics.OTHER).inc()


def _is_within_limit(outcome: str, reason: str | None) -> bool:
    """Whether a delivery that is not verified has a log line and a trace: ten per reason and second do."""
    key = reason if reason is not None and reason in REMEDIES else outcome
    return _unverified.allows(key, time.monotonic())


def signature_verified(secret_index: int, skew_seconds: float) -> None:
    """A delivery was signed with the secret at this index of the list, 0 for the current one.

    `skew_seconds` is our clock minus the sender's, including the time that the delivery travelled.
    """
    series(metrics.SECRET_USED, "current" if secret_index == 0 else "previous").inc()
    metrics.CLOCK_SKEW.set(skew_seconds)


def signature_rejected(reason: str, skew_seconds: float | None) -> None:
    """The signature of a delivery is not valid. One log line per reason and minute says what to do."""
    series(metrics.SIGNATURE_FAILURES, reason).inc()
    if skew_seconds is not None:
        metrics.CLOCK_SKEW.set(skew_seconds)
    count = _rejections.count(reason, time.monotonic())
    if count:
        log.warning("signature_rejected", reason=reason, count=count, remedy=REMEDIES[reason])


def webhook_failed(error: BaseException) -> None:
    """An unexpected error ended a delivery; the line has its traceback."""
    log.error("webhook_failed", exc_info=error)


def signing_secrets_loaded(count: int) -> None:
    """The file of signing secrets changed, or is valid again, and its secrets are in use."""
    series(metrics.SECRET_FILE_INVALID, metrics.SIGNING_SECRETS_FILE).set(0)
    log.info("signing_secrets_loaded", count=count)


def signing_secrets_kept(problem: str) -> None:
    """The file of signing secrets is invalid; the last valid ones stay in use. One log line per problem and minute."""
    series(metrics.SECRET_FILE_INVALID, metrics.SIGNING_SECRETS_FILE).set(1)
    count = _invalid_secret_files.count(problem, time.monotonic())
    if count:
        log.error("signing_secrets_kept", problem=problem, count=count)
