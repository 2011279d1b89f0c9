from collections.abc import Iterator, MutableMapping
from typing import Any

import pytest
from msgspec.structs import replace
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from lea_payments.payment import changes
from lea_payments.payment.event import Outcome, PaymentEvent
from lea_payments.payment.facts import Fact, Kind
from lea_payments.payment.record import Payment
from lea_payments.store.errors import UnavailableError
from lea_payments.stripe.errors import StripeUnavailableError
from lea_payments.telemetry import events, metrics, spans
from lea_payments.telemetry.applying import NO_TRACE
from tests.support.recorded_spans import recorded_spans, span_named

TRACE_ID, SPAN_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
BEFORE = Payment(payment_intent_id="payment_1", amount=12000, currency="SGD", traceparent=f"00-{TRACE_ID}-{SPAN_ID}-01")
AT = "2026-11-26T08:00:00.000Z"


@pytest.fixture
def exporter() -> Iterator[InMemorySpanExporter]:
    with recorded_spans() as exporter:
        yield exporter


@pytest.fixture
def lines() -> Iterator[list[MutableMapping[str, Any]]]:
    with capture_logs() as lines:
        yield lines


class Series:
    """The growth of one series since the start of the test."""

    def __init__(self, name: str, **labels: str) -> None:
        self._name = name
        self._labels = labels
        self._before = self._value()

    def growth(self) -> float:
        return self._value() - self._before

    def _value(self) -> float:
        return REGISTRY.get_sample_value(self._name, self._labels) or 0


def _event(kind: Kind, state: str, object_id: str = "", **fields: Any) -> PaymentEvent:
    fact = Fact(kind=kind, state=state, **fields)
    return PaymentEvent(id=f"evt_{state}", type="an.event", created=1, object_id=object_id or kind, fact=fact)


def _paid(amount: int = 12000, currency: str = "sgd") -> PaymentEvent:
    return _event(Kind.SESSION, "paid", "cs_1", amount=amount, currency=currency, intent="pi_1")


def _apply(*received: PaymentEvent, record: Payment = BEFORE) -> Payment:
    """The record after these events, each of which is recorded."""
    for event in received:
        applied = changes.apply(record, event, AT)
        events.payment_changed(applied.outcome, event, applied.before, applied.after, NO_TRACE)
        record = applied.after or record
    return record


@pytest.mark.parametrize("superseded_by", [None, "payment_2"])
def test_a_canceled_payment_is_counted_once(lines: list[MutableMapping[str, Any]], superseded_by: str | None) -> None:
    call = "supersede" if superseded_by else "cancel"
    canceled = Series("payments_canceled_total", call=call)
    outcomes = Series("payments_outcomes_total", outcome="expired", currency="sgd")
    after = changes.derive(replace(BEFORE, canceled_at=AT))

    events.payment_canceled(BEFORE, after, superseded_by)
    _apply(_event(Kind.SESSION, "expired", "cs_1"), record=after)

    assert (canceled.growth(), outcomes.growth()) == (1, 1)
    assert [line["event"] for line in lines] == ["payment_expired", "payment_canceled"]
    assert lines[1].get("superseded_by") == superseded_by


def test_a_payment_that_had_expired_is_not_counted_again(lines: list[MutableMapping[str, Any]]) -> None:
    outcomes = Series("payments_outcomes_total", outcome="expired", currency="sgd")
    expired = _apply(_event(Kind.SESSION, "expired", "cs_1"), record=replace(BEFORE, stripe_session_id="cs_1"))

    events.payment_canceled(expired, changes.derive(replace(expired, canceled_at=AT)), None)

    assert outcomes.growth() == 1
    assert [line["event"] for line in lines] == ["payment_expired", "payment_canceled"]


def test_a_completed_payment_is_counted_once(lines: list[MutableMapping[str, Any]]) -> None:
    outcomes = Series("payments_outcomes_total", outcome="completed", currency="sgd")
    amount = Series("payments_amount_minor_units_total", outcome="completed", currency="sgd")
    sessions = Series("payments_checkout_sessions_total", stage="completed")

    _apply(_paid(), _paid(), _event(Kind.SESSION, "expired", "cs_1"))
    events.payment_changed(Outcome.UNMATCHED, _paid(), None, None, NO_TRACE)

    assert (outcomes.growth(), amount.growth(), sessions.growth()) == (1, 12000, 1)
    assert [(line["event"], line["payment_id"]) for line in lines] == [("payment_completed", "payment_1")]


def test_the_time_to_completion_is_measured() -> None:
    completions = Series("payments_time_to_completion_seconds_count")

    _apply(replace(_paid(), session_created=1))

    assert completions.growth() == 1


def test_a_delayed_payment_closes_its_session_once() -> None:
    completed = Series("payments_checkout_sessions_total", stage="completed")
    unpaid = _event(Kind.SESSION, "unpaid", "cs_1", amount=12000, currency="sgd", intent="pi_1")

    _apply(_event(Kind.SESSION, "a_new_state", "cs_1"), unpaid, _paid())

    assert completed.growth() == 1


@pytest.mark.parametrize("currency", [None, "xts"])
def test_an_unknown_currency_is_counted_as_other(currency: str | None) -> None:
    outcomes = Series("payments_outcomes_total", outcome="completed", currency="other")

    _apply(_paid(currency="xts"), record=replace(BEFORE, currency=currency))

    assert outcomes.growth() == 1


@pytest.mark.parametrize(
    ("code", "label"),
    [("card_declined:lost_card", "lost_card"), ("card_declined:an_invented_code", "other"), ("unknown", "other")],
)
def test_a_decline_is_counted_by_its_code(code: str, label: str) -> None:
    failures = Series("payments_failures_total", reason=label)

    _apply(*[_event(Kind.INTENT, "declined", code=code)] * 2)

    assert failures.growth() == 1


WARNING = _event(Kind.WARNING, "actionable", "issfr_1", intent="pi_1")
DUPLICATE = _event(Kind.SESSION, "paid", "cs_2", amount=12000, currency="sgd", intent="pi_2")
FLOOD = [_event(Kind.REFUND, "pending", f"re_{number}", amount=1, intent="pi_1") for number in range(50)]


@pytest.mark.parametrize(
    ("reason", "received"),
    [
        ("amount_mismatch", [_paid(amount=1)]),
        ("currency_mismatch", [_paid(currency="usd")]),
        ("paid_twice", [_paid(), DUPLICATE]),
        ("early_fraud_warning", [_paid(), WARNING]),
        ("early_fraud_warning", [WARNING, _paid()]),
        ("too_many_objects", [_paid(), *FLOOD]),
        ("too_many_objects", [_event(Kind.INTENT, "declined", code="x"), *FLOOD]),
        ("refund_failed", [_event(Kind.REFUND, "succeeded"), _event(Kind.REFUND, "failed")]),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{len(value)} events",
)
def test_a_review_is_counted_once(reason: str, received: list[PaymentEvent]) -> None:
    reviews = Series("payments_review_total", reason=reason)
    others = [Series("payments_review_total", reason=other) for other in metrics.REVIEW_REASONS if other != reason]

    _apply(*received, *received)

    assert reviews.growth() == 1
    assert sum(other.growth() for other in others) == 0


def test_each_fraud_warning_counts_beside_another_reason() -> None:
    reviews = Series("payments_review_total", reason="early_fraud_warning")
    second = _event(Kind.WARNING, "actionable", "issfr_2", intent="pi_2")

    _apply(_paid(), DUPLICATE, WARNING, second)

    assert reviews.growth() == 2


def test_waiting_for_money_is_not_a_review() -> None:
    reviews = [Series("payments_review_total", reason=reason) for reason in metrics.REVIEW_REASONS]

    record = _apply(_event(Kind.SESSION, "unpaid", "cs_1"))

    assert record.status_reason == "awaiting_funds"
    assert sum(series.growth() for series in reviews) == 0


def test_each_failed_refund_is_a_review() -> None:
    reviews = Series("payments_review_total", reason="refund_failed")

    _apply(_paid(), *(_event(Kind.REFUND, "failed", object_id) for object_id in ("re_1", "re_2", "re_1")))

    assert reviews.growth() == 2


def test_each_status_of_a_dispute_is_counted_once() -> None:
    statuses = {status: Series("payments_disputes_total", status=status) for status in metrics.DISPUTE_STATUSES}
    states = ("warning_needs_response", "needs_response", "under_review", "lost", "lost")

    _apply(_paid(), *(_event(Kind.DISPUTE, state, "du_1") for state in states))

    assert {status: series.growth() for status, series in statuses.items()} == {
        "open": 1,
        "review": 1,
        "lost": 1,
        "won": 0,
    }


def test_an_unknown_state_is_counted_and_logged_once(lines: list[MutableMapping[str, Any]]) -> None:
    unknown = Series("payments_unknown_states_total", kind="dispute")
    disputes = [_event(Kind.DISPUTE, "of_next_year", object_id) for object_id in ("du_1", "du_2")]

    _apply(disputes[0], disputes[0], disputes[1])

    assert unknown.growth() == 2
    (line,) = lines
    assert (line["event"], line["kind"], line["state"]) == ("unknown_state_received", "dispute", "of_next_year")


def test_an_unknown_state_after_a_known_one_is_counted() -> None:
    unknown = Series("payments_unknown_states_total", kind="refund")
    known = _event(Kind.REFUND, "succeeded", "re_1")

    record = _apply(known, _event(Kind.REFUND, "of_next_month", "re_1"))

    assert record.facts["re_1"].state == "succeeded"
    assert unknown.growth() == 1


@pytest.mark.parametrize(("reused", "stage"), [(True, "reused"), (False, "created")], ids=["reused", "created"])
def test_an_open_session_names_its_payment(
    exporter: InMemorySpanExporter, lines: list[MutableMapping[str, Any]], *, reused: bool, stage: str
) -> None:
    sessions = Series("payments_checkout_sessions_total", stage=stage)

    with spans.tracer.start_as_current_span("POST /payments") as span:
        events.checkout_session_opened(BEFORE, "cs_1", reused=reused)

    (line,) = lines
    assert sessions.growth() == 1
    assert span_named(exporter, "POST /payments").attributes == {"payments.payment.id": "payment_1"}
    assert (line["event"], line["session_id"], line["reused"]) == ("checkout_session_opened", "cs_1", reused)
    assert line["trace_id"] == spans.trace_id(span)


def test_a_page_is_linked_to_its_checkout(
    exporter: InMemorySpanExporter, lines: list[MutableMapping[str, Any]]
) -> None:
    with spans.tracer.start_as_current_span("GET /success"):
        events.page_shown("success", "completed", BEFORE)

    span = span_named(exporter, "GET /success")
    assert [f"{link.context.trace_id:032x}" for link in span.links] == [TRACE_ID]
    assert span.attributes == {"payments.page.status": "completed", "payments.payment.id": "payment_1"}
    assert [(line["event"], line["payment_id"]) for line in lines] == [("page_shown", "payment_1")]


def test_a_page_without_a_payment_has_no_payment_id(lines: list[MutableMapping[str, Any]]) -> None:
    events.page_shown("cancel", "shown", None)

    assert lines == [{"event": "page_shown", "log_level": "info", "page": "cancel", "status": "shown"}]


@pytest.mark.parametrize(
    ("cause", "event", "http_status"),
    [
        (StripeUnavailableError("no answer", "/v1/events", 500), "stripe_call_retried", 500),
        (UnavailableError(), "table_call_retried", None),
    ],
    ids=["Stripe", "table"],
)
def test_a_retry_names_its_cause(
    lines: list[MutableMapping[str, Any]], cause: Exception, event: str, http_status: int | None
) -> None:
    events.call_retried("name", 1, 0.25, cause)

    (line,) = lines
    assert (line["event"], line["problem"], line["http_status"]) == (event, type(cause).__name__, http_status)


@pytest.mark.parametrize("kind", ["event", "radar.early_fraud_warning"])
def test_an_unreadable_object_names_its_kind(lines: list[MutableMapping[str, Any]], kind: str) -> None:
    events.stripe_object_unreadable(kind, "no id")

    assert [(line["event"], line["kind"]) for line in lines] == [("stripe_object_unreadable", kind)]
