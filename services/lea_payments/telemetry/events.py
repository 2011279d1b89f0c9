"""Records business events as metrics, span attributes and log lines: one function per event.

No label, span attribute or log field holds personal data or a secret: labels come from our own enums, and ids go to
spans and log lines only.
"""

import time
from collections.abc import Iterable, Mapping
from functools import cache

import msgspec
from opentelemetry import trace

from lea_payments import __version__
from lea_payments.log import log, present
from lea_payments.payment import facts
from lea_payments.payment.event import CHANGES, Outcome, PaymentEvent
from lea_payments.payment.facts import Fact, Kind
from lea_payments.payment.record import DisputeStatus, Payment, Status
from lea_payments.payment.situations import DISPUTES, FRAUD_WARNING
from lea_payments.stripe.errors import StripeUnavailableError
from lea_payments.telemetry import metrics, spans
from lea_payments.telemetry.applying import current_trace
from lea_payments.telemetry.exposition.one_thread import Counter
from lea_payments.telemetry.metrics import series
from lea_payments.telemetry.throttle import PerSecond, Throttle
from lea_payments.telemetry.traces import Trace

_CURRENCIES = frozenset(metrics.CURRENCIES)
# Looked up once: Python 3.11 calls a function for every access to a member of an enum.
_DUPLICATE, _COMPLETED, _FAILED = Outcome.DUPLICATE, Status.COMPLETED, Status.FAILED
_REFUND, _WARNING, _SESSION, _DISPUTE = Kind.REFUND, Kind.WARNING, Kind.SESSION, Kind.DISPUTE
_STAGES = {facts.EXPIRED: "expired", facts.UNPAID: "completed", facts.PAID: "completed", facts.FAILED: "failed"}
"""The stage of a closed session by its state. Unpaid: the session is complete, its money is on the way."""

_unknown_states = Throttle(seconds=3600)
_pages_without_payment = PerSecond(10)
_invalid_secret_files = Throttle(seconds=60)


def service_started(service: str, **settings: object) -> None:
    """A service has started; the settings must not contain secrets."""
    log.info("service_started", service=service, version=__version__, **settings)


def drain_started(seconds: float) -> None:
    """A service was told to stop. It goes on for these seconds, unready, and each answer closes its connection."""
    log.info("drain_started", seconds=seconds)


def telemetry_setting_ignored(variable: str, problem: str) -> None:
    """A variable of OpenTelemetry is ignored. The problem says what to do, and shows nothing of the value."""
    log.warning("telemetry_setting_ignored", variable=variable, problem=problem)


def secrets_loaded(files: Iterable[str]) -> None:
    """One of these files of secrets has changed, or is valid again, and its secrets are in use."""
    for file in files:
        series(metrics.SECRET_FILE_INVALID, file).set(0)
    log.info("secrets_loaded")


def secrets_kept(problem: str, files: Mapping[str, bool]) -> None:
    """A file of secrets is invalid; all secrets that were in use stay in use. `files` says which ones are valid."""
    for file, is_valid in files.items():
        series(metrics.SECRET_FILE_INVALID, file).set(not is_valid)
    count = _invalid_secret_files.count(problem, time.monotonic())
    if count:
        log.error("secrets_kept", problem=problem, count=count)


def payment_changed(
    outcome: Outcome, event: PaymentEvent, before: Payment | None, after: Payment | None, operation: Trace
) -> None:
    """An event was applied to a record. Changes count once per payment, however often Stripe sends the event.

    `operation` is the trace in which that happened.
    """
    if before is None or after is None or outcome is _DUPLICATE:
        return
    if not facts.is_known_state(event.fact):
        _unknown_state_received(event, after, operation)
    if outcome not in CHANGES:
        return
    _fact_stored(before.facts.get(event.object_id), after.facts.get(event.object_id))
    if after.payment_status is not before.payment_status and after.payment_status in metrics.FINAL:
        _payment_finished(after, operation)
        if after.payment_status is _COMPLETED and event.session_created is not None:
            seconds = max(0.0, time.time() - event.session_created)
            metrics.COMPLETION_TIME.observe(seconds, operation.exemplar)
    if after.status_reason is not None and after.status_reason != before.status_reason:
        _reason_set(after, after.status_reason)


def _fact_stored(before: Fact | None, after: Fact | None) -> None:
    """Counts the new state of one object: each failed refund, fraud warning, closed session and dispute status once."""
    if after is None or (before is not None and before.state == after.state):
        return
    if after.kind == _REFUND and after.state == facts.FAILED:
        series(metrics.REVIEWS, metrics.REFUND_FAILED).inc()
    if after.kind == _WARNING and after.state == facts.ACTIONABLE:
        series(metrics.REVIEWS, FRAUD_WARNING).inc()
    if after.kind == _SESSION and after.state in _STAGES and (before is None or before.state not in _STAGES):
        series(metrics.CHECKOUT_SESSIONS, _STAGES[after.state]).inc()
    if after.kind == _DISPUTE and (before is None or _dispute_status(before) is not _dispute_status(after)):
        series(metrics.DISPUTES, _dispute_status(after)).inc()


def _dispute_status(dispute: Fact) -> DisputeStatus:
    return DISPUTES.get(dispute.state, DisputeStatus.OPEN)


def _unknown_state_received(event: PaymentEvent, after: Payment, operation: Trace) -> None:
    """Counts a state that this version does not know. One log line per kind, state and hour names it."""
    kind, state = event.fact.kind, event.fact.state
    series(metrics.UNKNOWN_STATES, kind).inc()
    count = _unknown_states.count(f"{kind}:{state}", time.monotonic())
    if count:
        log.warning(
            "unknown_state_received",
            kind=kind,
            state=state,
            count=count,
            payment_id=after.payment_intent_id,
            event_id=event.id,
            trace_id=operation.hex_id,
        )


class _Finished(msgspec.Struct, frozen=True):
    """The series of the payments with one final status and currency. Only the amounts of completed ones are added."""

    payments: Counter
    amount: Counter | None


@cache
def _finished(status: Status, currency: str) -> _Finished:
    amount = series(metrics.AMOUNT, status, currency) if status is _COMPLETED else None
    return _Finished(series(metrics.OUTCOMES, status, currency), amount)


def _payment_finished(after: Payment, operation: Trace) -> None:
    currency = after.currency.lower() if after.currency else metrics.OTHER
    finished = _finished(after.payment_status, currency if currency in _CURRENCIES else metrics.OTHER)
    finished.payments.inc()
    if finished.amount is not None:
        finished.amount.inc(max(0, after.amount or 0))
    log.info(
        f"payment_{after.payment_status}",
        payment_id=after.payment_intent_id,
        reason=after.status_reason,
        trace_id=operation.hex_id,
    )


def _reason_set(after: Payment, reason: str) -> None:
    if reason == FRAUD_WARNING:
        return  # each warning counts by itself, also one of a payment that has another reason
    if reason in metrics.REVIEW_REASONS:
        series(metrics.REVIEWS, reason).inc()
    elif after.payment_status is _FAILED:
        code = reason.rpartition(":")[2]
        series(metrics.FAILURES, code if code in metrics.DECLINES else metrics.OTHER).inc()


def checkout_session_opened(payment: Payment, session_id: str, *, reused: bool) -> None:
    """The checkout API returned a link, of a new session or of one that is still open."""
    series(metrics.CHECKOUT_SESSIONS, "reused" if reused else "created").inc()
    trace.get_current_span().set_attribute("payments.payment.id", payment.payment_intent_id)
    log.info(
        "checkout_session_opened",
        payment_id=payment.payment_intent_id,
        session_id=session_id,
        attempt=payment.checkout_attempt,
        reused=reused,
        trace_id=spans.current_trace_id(),
    )


def payment_canceled(before: Payment, after: Payment, superseded_by: str | None) -> None:
    """A call of the checkout API canceled a payment; `superseded_by` is the payment that replaces it."""
    series(metrics.CANCELED, metrics.SUPERSEDE if superseded_by else metrics.CANCEL).inc()
    trace.get_current_span().set_attribute("payments.payment.id", after.payment_intent_id)
    operation = current_trace()
    # The event of the expired session can come before, and then it has counted the payment as expired.
    if after.payment_status is not before.payment_status:
        _payment_finished(after, operation)
    log.info(
        "payment_canceled",
        payment_id=after.payment_intent_id,
        **present({"superseded_by": superseded_by, "trace_id": operation.hex_id}),
    )


def page_shown(page: str, status: str, payment: Payment | None) -> None:
    """A customer saw a page. The current span is linked to the trace of the checkout request.

    Pages without a payment can be requested by anyone: ten per status and second have a log line.
    """
    series(metrics.PAGE_VIEWS, page, status).inc()
    if payment is None and not _pages_without_payment.allows(status, time.monotonic()):
        return
    span = trace.get_current_span()
    span.set_attribute("payments.page.status", status)
    fields = {"trace_id": spans.trace_id(span)}
    if payment is not None:
        span.set_attribute("payments.payment.id", payment.payment_intent_id)
        spans.link(span, payment.traceparent)
        fields["payment_id"] = payment.payment_intent_id
    log.info("page_shown", page=page, status=status, **present(fields))


def call_retried(name: str, retry: int, wait_seconds: float, cause: Exception) -> None:
    """A call to Stripe or to the table failed and is repeated after `wait_seconds`; `retry` counts from 1."""
    log.warning(
        "stripe_call_retried" if isinstance(cause, StripeUnavailableError) else "table_call_retried",
        call=getattr(cause, "path", name),
        retry=retry,
        wait_seconds=round(wait_seconds, 1),
        problem=type(cause).__name__,
        http_status=getattr(cause, "http_status", None),
    )


def stripe_object_unreadable(kind: str, reason: str) -> None:
    """An object in one of Stripe's lists cannot be read and is skipped; `kind` is `event` or the object's type."""
    log.warning("stripe_object_unreadable", kind=kind, reason=reason)
