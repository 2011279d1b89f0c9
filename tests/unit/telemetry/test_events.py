from collections.abc import Iterator, MutableMapping
from typing import Any

import pytest
import stripe
from msgspec.structs import replace
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from lea_payments.payment.event import Fact, Outcome, PaymentEvent
from lea_payments.payment.record import Payment, Status
from lea_payments.store.errors import UnavailableError
from lea_payments.stripe.errors import StripeUnavailableError
from lea_payments.telemetry import events, spans
from tests.support.recorded_spans import recorded_spans, span_named

TRACE_ID, SPAN_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
BEFORE = Payment(payment_intent_id="payment_1", amount=12000, currency="SGD", traceparent=f"00-{TRACE_ID}-{SPAN_ID}-01")
EVENT = PaymentEvent(id="evt_1", type="checkout.session.completed", created=1, fact=Fact.PAID, session_created=1)


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


def _completed(**fields: Any) -> Payment:
    return replace(BEFORE, payment_status=Status.COMPLETED, status_rank=50, session_closed=True, **fields)


def test_a_completed_payment_is_counted_once(lines: list[MutableMapping[str, Any]]) -> None:
    outcomes = Series("payments_outcomes_total", outcome="completed", currency="sgd")
    amount = Series("payments_amount_minor_units_total", outcome="completed", currency="sgd")
    sessions = Series("payments_checkout_sessions_total", stage="completed")
    after = _completed()

    events.payment_changed(Outcome.APPLIED, EVENT, BEFORE, after)
    events.payment_changed(Outcome.DUPLICATE, EVENT, after, after)
    events.payment_changed(Outcome.UNMATCHED, EVENT, None, None)

    assert (outcomes.growth(), amount.growth(), sessions.growth()) == (1, 12000, 1)
    assert [(line["event"], line["payment_id"]) for line in lines] == [("payment_completed", "payment_1")]


@pytest.mark.parametrize("currency", [None, "xts"])
def test_an_unknown_currency_is_counted_as_other(currency: str | None) -> None:
    outcomes = Series("payments_outcomes_total", outcome="completed", currency="other")
    before = replace(BEFORE, currency=currency)

    events.payment_changed(Outcome.APPLIED, EVENT, before, _completed(currency=currency))

    assert outcomes.growth() == 1


@pytest.mark.parametrize(
    ("reason", "label"),
    [("card_declined:lost_card", "lost_card"), ("card_declined:an_invented_code", "other"), ("unknown", "other")],
)
def test_a_decline_is_counted_by_its_code(reason: str, label: str) -> None:
    failures = Series("payments_failures_total", reason=label)
    after = replace(BEFORE, payment_status=Status.FAILED, status_rank=10, status_reason=reason)

    events.payment_changed(Outcome.APPLIED, EVENT, BEFORE, after)
    events.payment_changed(Outcome.APPLIED, EVENT, after, after)

    assert failures.growth() == 1


@pytest.mark.parametrize(("reason", "count"), [("amount_mismatch", 1), ("awaiting_funds", 0)])
def test_only_reviews_are_counted_as_reviews(reason: str, count: int) -> None:
    reviews = Series("payments_review_total", reason=reason)

    events.payment_changed(Outcome.REVIEW, EVENT, BEFORE, replace(BEFORE, status_reason=reason))

    assert reviews.growth() == count


def test_a_failed_refund_is_a_review() -> None:
    reviews = Series("payments_review_total", reason="refund_failed")
    event = PaymentEvent(id="evt_1", type="refund.failed", created=1, fact=Fact.REFUND_FAILED)

    events.payment_changed(Outcome.REVIEW, event, _completed(), _completed())

    assert reviews.growth() == 1


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


def test_a_failed_call_to_stripe_has_its_request_id(lines: list[MutableMapping[str, Any]]) -> None:
    error = stripe.APIError("oops", http_status=500, headers={"request-id": "req_1"})

    events.stripe_call_failed("stripe_error", error)

    (line,) = lines
    assert (line["event"], line["http_status"], line["stripe_request"]) == ("stripe_call_failed", 500, "req_1")


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


@pytest.mark.parametrize("kind", ["event", "session"])
def test_an_unreadable_object_names_its_kind(lines: list[MutableMapping[str, Any]], kind: str) -> None:
    events.stripe_object_unreadable(kind, "no id")

    assert [(line["event"], line["reason"]) for line in lines] == [(f"stripe_{kind}_unreadable", "no id")]
