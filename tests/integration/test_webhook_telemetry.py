"""Checks the metrics, the log line and the spans of a delivery."""

import json
import re
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import psutil
import pytest

from lea_payments import __version__
from lea_payments.payment.facts import STATES
from lea_payments.settings import TableSettings
from lea_payments.stripe.events import EVENT_TYPES
from lea_payments.stripe.signature import SIGNATURE_REASONS
from lea_payments.telemetry import metrics
from tests.support import dynamodb_faults as faults
from tests.support import plain_http, stripe_bodies
from tests.support.faulty_dynamodb import FaultyDynamoDB
from tests.support.otlp_sink import OtlpSink, Span
from tests.support.processes import Process
from tests.support.records import Records
from tests.support.scrape import Scrape
from tests.support.stripe_bodies import SECRET
from tests.support.webhook_delivery import Delivery

SERVER, APPLY, BATCH = "POST /webhook/stripe", "payments.apply", "BatchExecuteStatement"
CHECKOUT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Webhook(NamedTuple):
    """A webhook, the URL of its metrics, and a client."""

    service: Process
    metrics: str
    client: httpx.Client

    def line_of(self, delivery: Delivery) -> dict[str, Any]:
        """The only log line about a delivery."""
        (line,) = [line for line in self.lines() if line.get("event_id") == delivery.event_id]
        return line

    def lines(self) -> list[dict[str, Any]]:
        """All log lines. Every line is JSON."""
        return [json.loads(line) for line in self.service.output().splitlines()]

    def end(self) -> None:
        """Stops the process, which exports its remaining spans."""
        assert self.service.stop() == 0


Start = Callable[..., Webhook]


@pytest.fixture(scope="module")
def start_webhook(start: Callable[..., Process], free_port: Callable[[], int]) -> Iterator[Start]:
    clients = []

    def start_one(**env: str) -> Webhook:
        port = free_port()
        service = start("webhook", **{"METRICS_PORT": str(port), "STRIPE_WEBHOOK_SECRET": SECRET} | env)
        client = plain_http.client(service.url)
        clients.append(client)
        return Webhook(service, f"http://127.0.0.1:{port}", client)

    yield start_one
    for client in clients:
        client.close()


@pytest.fixture(scope="module")
def records(table_settings: TableSettings) -> Iterator[Records]:
    records = Records(table_settings)
    yield records
    records.close()


@pytest.fixture(scope="module")
def new_webhook(start_webhook: Start) -> tuple[Webhook, Scrape]:
    webhook = start_webhook(BUILD_REVISION="0f3c2d1")
    return webhook, Scrape.of(webhook.metrics)


@pytest.fixture(scope="module")
def first_scrape(new_webhook: tuple[Webhook, Scrape]) -> Scrape:
    return new_webhook[1]


@pytest.fixture(scope="module")
def untraced_webhook(new_webhook: tuple[Webhook, Scrape]) -> Webhook:
    return new_webhook[0]


@pytest.fixture(scope="module")
def traced_webhook(start_webhook: Start, sink: OtlpSink, proxy: FaultyDynamoDB) -> Webhook:
    return start_webhook(
        DDB_ENDPOINT=proxy.endpoint,
        OTEL_EXPORTER_OTLP_ENDPOINT=sink.endpoint,
        OTEL_BSP_SCHEDULE_DELAY="100",
    )


def _paid(payment_id: str, **fields: Any) -> Delivery:
    return Delivery.of(stripe_bodies.completed(payment_id, **fields))


OUTCOMES_OF_USED_TYPES = (
    *("applied", "duplicate", "stale", "review", "unmatched", "ignored", "unavailable", "wrong_mode", "error"),
)
DELIVERIES: set[tuple[str, ...]] = {
    *((event_type, outcome) for event_type in EVENT_TYPES for outcome in OUTCOMES_OF_USED_TYPES),
    *(("other", outcome) for outcome in ("ignored", "wrong_mode", "error")),
    *(("unread", outcome) for outcome in ("invalid_signature", "invalid_payload", "too_large", "error")),
}
BY_CURRENCY: set[tuple[str, ...]] = {
    (currency, status) for currency in metrics.CURRENCIES for status in ("completed", "failed", "expired")
}
AT_ZERO: Mapping[str, set[tuple[str, ...]]] = {
    "payments_webhook_events_total": DELIVERIES,
    "payments_webhook_processing_duration_seconds_count": {(outcome,) for _, outcome in DELIVERIES},
    "payments_webhook_event_age_seconds_count": {()},
    "payments_webhook_last_applied_timestamp_seconds": {(event_type,) for event_type in EVENT_TYPES},
    "payments_webhook_signature_failures_total": {(reason,) for reason in SIGNATURE_REASONS},
    "payments_webhook_secret_used_total": {("current",), ("previous",)},
    "payments_webhook_clock_skew_seconds": {()},
    "payments_outcomes_total": BY_CURRENCY,
    "payments_amount_minor_units_total": {(currency, "completed") for currency in metrics.CURRENCIES},
    "payments_failures_total": {(reason,) for reason in metrics.DECLINES},
    "payments_review_total": {(reason,) for reason in metrics.REVIEW_REASONS},
    "payments_webhook_ignored_total": {(reason,) for reason in metrics.IGNORED_REASONS},
    "payments_unknown_states_total": {(kind,) for kind in STATES},
    "payments_disputes_total": {("open",), ("review",), ("won",), ("lost",)},
}


def test_every_series_exists_at_zero_from_the_start(first_scrape: Scrape) -> None:
    for name, labels in AT_ZERO.items():
        assert dict(first_scrape.series(name)) == dict.fromkeys(labels, 0), name
    # Readiness has sent one batch with a write that changes nothing.
    assert first_scrape.value("payments_store_batch_size_count") == 1
    calls = dict.fromkeys(("refused", "throttled", "error"), 0.0) | {"ok": 1}
    for outcome, count in calls.items():
        name = "payments_store_operations_total"
        assert first_scrape.value(name, operation="apply", outcome=outcome) == count
    assert first_scrape.value("payments_build_info", version=__version__, revision="0f3c2d1") == 1


def test_the_public_port_has_no_metrics(untraced_webhook: Webhook) -> None:
    assert untraced_webhook.client.get("/metrics").status_code == 404


def test_a_repeated_event_counts_as_one_payment(untraced_webhook: Webhook, records: Records) -> None:
    delivery = _paid(records.put())
    event_type = "checkout.session.completed"
    before = Scrape.of(untraced_webhook.metrics)

    assert [delivery.to(untraced_webhook.client).outcome for _ in range(3)] == ["applied", "duplicate", "duplicate"]

    after = Scrape.of(untraced_webhook.metrics)

    def growth(name: str, **labels: str) -> float:
        return (after.value(name, **labels) or 0) - (before.value(name, **labels) or 0)

    assert growth("payments_webhook_events_total", event_type=event_type, outcome="applied") == 1
    assert growth("payments_webhook_events_total", event_type=event_type, outcome="duplicate") == 2
    assert growth("payments_webhook_processing_duration_seconds_count", outcome="applied") == 1
    assert growth("payments_outcomes_total", outcome="completed", currency="sgd") == 1
    assert growth("payments_amount_minor_units_total", outcome="completed", currency="sgd") == 4999
    assert growth("payments_checkout_sessions_total", stage="completed") == 1
    assert growth("payments_webhook_event_age_seconds_count") == 3
    assert growth("payments_webhook_secret_used_total", secret="current") == 3
    assert sum(after.series("payments_outcomes_total").values()) == 1 + sum(
        before.series("payments_outcomes_total").values()
    )
    assert growth("payments_store_operations_total", operation="apply", outcome="ok") >= 2
    assert growth("payments_store_operation_duration_seconds_count", operation="apply") >= 2


def test_age_skew_and_last_change_are_measured(untraced_webhook: Webhook, records: Records) -> None:
    body = stripe_bodies.expired(records.put())
    event = json.loads(body) | {"created": int(time.time()) - 7200}
    body = json.dumps(event).encode()
    delivery = Delivery(body, stripe_bodies.sign(body, at=time.time() - 60))
    name = "payments_webhook_event_age_seconds_sum"
    age_before = Scrape.of(untraced_webhook.metrics).value(name) or 0
    before = time.time()

    assert delivery.to(untraced_webhook.client).outcome == "applied"

    scrape = Scrape.of(untraced_webhook.metrics)
    age = (scrape.value(name) or 0) - age_before
    changed = (
        scrape.value("payments_webhook_last_applied_timestamp_seconds", event_type="checkout.session.expired") or 0
    )
    assert 7199 <= age < 7300
    assert 59 <= (scrape.value("payments_webhook_clock_skew_seconds") or 0) < 160
    assert before - 1 <= changed <= time.time() + 1


def test_declines_reviews_and_rejections_have_reasons(untraced_webhook: Webhook, records: Records) -> None:
    before = Scrape.of(untraced_webhook.metrics)
    bodies = [
        stripe_bodies.declined(records.put(), "lost_card"),
        stripe_bodies.declined(records.put(), "a_code_of_next_year"),
        stripe_bodies.completed(records.put(), amount_total=1),
        stripe_bodies.completed(records.put(), currency="usd"),
    ]
    for body in bodies:
        Delivery.of(body).to(untraced_webhook.client)
    Delivery.of(bodies[0], "whsec_wrong").to(untraced_webhook.client)
    Delivery(bodies[0], stripe_bodies.sign(bodies[0], at=1)).to(untraced_webhook.client)

    after = Scrape.of(untraced_webhook.metrics)
    assert _growth(before, after, "payments_failures_total") == {("lost_card",): 1, ("other",): 1}
    assert _growth(before, after, "payments_review_total") == {("amount_mismatch",): 1, ("currency_mismatch",): 1}
    assert _growth(before, after, "payments_webhook_signature_failures_total") == {
        ("too_old",): 1,
        ("wrong_secret",): 1,
    }


def _growth(before: Scrape, after: Scrape, name: str) -> dict[tuple[str, ...], float]:
    old = before.series(name)
    return {labels: value - old[labels] for labels, value in after.series(name).items() if value != old[labels]}


def test_a_sender_cannot_create_a_new_series(untraced_webhook: Webhook, records: Records) -> None:
    before = {(sample.name, *sample.labels.values()) for sample in Scrape.of(untraced_webhook.metrics).samples}

    Delivery.of(stripe_bodies.event("an.invented.type", {"object": "x"})).to(untraced_webhook.client)
    Delivery.of(stripe_bodies.declined(records.put(), "an_invented_code")).to(untraced_webhook.client)
    Delivery.of(stripe_bodies.completed(records.put(currency="xts"), currency="xts")).to(untraced_webhook.client)

    assert {(sample.name, *sample.labels.values()) for sample in Scrape.of(untraced_webhook.metrics).samples} == before


def _store_calls(webhook: Webhook) -> dict[str, float]:
    series = Scrape.of(webhook.metrics).series("payments_store_operations_total")
    return {outcome: value for (operation, outcome), value in series.items() if operation == "apply"}


def test_calls_to_the_table_are_counted_by_outcome(
    traced_webhook: Webhook, records: Records, dynamodb: FaultyDynamoDB
) -> None:
    def growth(fault: faults.Fault, payment_id: str) -> dict[str, float]:
        before = _store_calls(traced_webhook)
        dynamodb.fault = fault
        _paid(payment_id).to(traced_webhook.client)
        dynamodb.fault = faults.healthy
        return {outcome: value - before[outcome] for outcome, value in _store_calls(traced_webhook).items()}

    nothing = dict.fromkeys(("ok", "refused", "throttled", "error"), 0.0)
    throttled, failing, rejected, good = (records.put() for _ in range(4))
    once = faults.StatementErrors("ThrottlingError", {throttled: 1})
    assert growth(once, throttled) == nothing | {"throttled": 1, "ok": 1}
    once = faults.StatementErrors("InternalServerError", {failing: 1})
    assert growth(once, failing) == nothing | {"error": 1, "ok": 1}
    whole_call = faults.first_batch_only(faults.error_response(400, "ProvisionedThroughputExceededException"))
    assert growth(whole_call, rejected) == nothing | {"throttled": 1, "ok": 1}
    assert growth(faults.healthy, good) == nothing | {"ok": 1}
    assert growth(faults.healthy, good) == nothing | {"ok": 1}  # a duplicate, whose condition fails


def _exemplars(webhook: Webhook) -> set[str]:
    samples = Scrape.with_exemplars(webhook.metrics).samples
    return {sample.exemplar.labels["trace_id"] for sample in samples if sample.exemplar}


def test_exemplars_name_the_trace_of_a_delivery(traced_webhook: Webhook, records: Records) -> None:
    delivery = _paid(records.put())
    delivery.to(traced_webhook.client)

    assert traced_webhook.line_of(delivery)["trace_id"] in _exemplars(traced_webhook)


def test_without_traces_there_are_no_exemplars(untraced_webhook: Webhook, records: Records) -> None:
    _paid(records.put()).to(untraced_webhook.client)

    assert _exemplars(untraced_webhook) == set()


def test_each_delivery_is_one_log_line(traced_webhook: Webhook, records: Records) -> None:
    payment_id = records.put()
    paid = _paid(payment_id)
    late = Delivery.of(stripe_bodies.expired(payment_id))
    unknown = Delivery.of(stripe_bodies.event("customer.created", {"object": "customer"}))
    start = len(traced_webhook.lines())

    for delivery in (paid, paid, late, unknown):
        delivery.to(traced_webhook.client)
    traced_webhook.client.post("/webhook/stripe", content=b"")

    lines = [line for line in traced_webhook.lines()[start:] if line["event"] == "webhook_answered"]
    assert [(line["outcome"], line["http_status"]) for line in lines] == [
        ("applied", 200),
        ("duplicate", 200),
        ("stale", 200),
        ("ignored", 200),
        ("invalid_signature", 400),
    ]
    assert len({line["trace_id"] for line in lines}) == 5
    assert all(re.fullmatch("[0-9a-f]{32}", line["trace_id"]) for line in lines)
    assert [line.get("payment_id") for line in lines] == [payment_id] * 3 + [None] * 2
    assert [line["level"] for line in lines] == ["info"] * 4 + ["warning"]
    completed = [line for line in traced_webhook.lines()[start:] if line["event"] == "payment_completed"]
    assert [(line["payment_id"], line["trace_id"]) for line in completed] == [(payment_id, lines[0]["trace_id"])]


def test_an_ignored_event_has_its_reason_in_the_log(traced_webhook: Webhook, records: Records) -> None:
    payment_id = records.put()
    bodies = {
        "other_account": stripe_bodies.completed(payment_id).replace(b'"pending_webhooks": 1', b'"account": "acct_9"'),
        "session_mode:setup": stripe_bodies.completed(payment_id, mode="setup"),
        "nothing_refunded": stripe_bodies.refunded(payment_id, 0),
        "thin_payload": b'{"id": "evt_thin", "object": "v2.core.event", "type": "v2.core.event_destination.ping"}',
    }
    start, before = len(traced_webhook.lines()), Scrape.of(traced_webhook.metrics)

    for body in bodies.values():
        Delivery.of(body).to(traced_webhook.client)

    lines = [line for line in traced_webhook.lines()[start:] if line["event"] == "webhook_answered"]
    assert [(line["outcome"], line["reason"]) for line in lines] == [("ignored", reason) for reason in bodies]
    growth = _growth(before, Scrape.of(traced_webhook.metrics), "payments_webhook_ignored_total")
    assert growth == {(reason.partition(":")[0],): 1 for reason in bodies}


def test_an_unknown_state_is_counted_and_logged(traced_webhook: Webhook, records: Records) -> None:
    payment_ids = [records.put(), records.put()]
    start, before = len(traced_webhook.lines()), Scrape.of(traced_webhook.metrics)

    for payment_id in payment_ids:
        body = stripe_bodies.completed(payment_id, payment_status="of_next_year")
        assert Delivery.of(body).to(traced_webhook.client).outcome == "applied"

    growth = _growth(before, Scrape.of(traced_webhook.metrics), "payments_unknown_states_total")
    assert growth == {("session",): 2}
    (line,) = [line for line in traced_webhook.lines()[start:] if line["event"] == "unknown_state_received"]
    assert (line["kind"], line["state"], line["payment_id"]) == ("session", "of_next_year", payment_ids[0])


def test_warnings_disputes_and_failed_refunds_are_counted(untraced_webhook: Webhook, records: Records) -> None:
    payment_id, intent = records.put(), "pi_of_the_warning"
    before = Scrape.of(untraced_webhook.metrics)

    for body in (
        stripe_bodies.completed(payment_id, payment_intent=intent),
        stripe_bodies.fraud_warning("created", actionable=True, intent=intent),
        stripe_bodies.dispute("created", "needs_response", intent),
        stripe_bodies.dispute("closed", "won", intent),
        stripe_bodies.refund("refund.created", 100, "pending", intent),
        stripe_bodies.refund("refund.failed", 100, "failed", intent),
        stripe_bodies.refund("refund.updated", 100, "failed", intent),
    ):
        Delivery.of(body).to(untraced_webhook.client)

    after = Scrape.of(untraced_webhook.metrics)
    assert _growth(before, after, "payments_review_total") == {("early_fraud_warning",): 1, ("refund_failed",): 1}
    assert _growth(before, after, "payments_disputes_total") == {("open",): 1, ("won",): 1}


def _tree(sink: OtlpSink, delivery: Delivery, outcome: str) -> tuple[Span, Span]:
    server = sink.one(SERVER, stripe__event__id=delivery.event_id, payments__outcome=outcome)
    (apply,) = [span for span in sink.with_name(APPLY) if span.parent == server.span_id]
    return server, apply


def test_a_delivery_is_one_tree_of_spans(traced_webhook: Webhook, sink: OtlpSink, records: Records) -> None:
    payment_id = records.put()
    delivery = _paid(payment_id, metadata={"traceparent": CHECKOUT})
    delivery.to(traced_webhook.client)

    server, apply = _tree(sink, delivery, "applied")
    (batch,) = [span for span in sink.with_name(BATCH) if span.parent == apply.span_id]
    assert (server.kind, server.parent, server.failed) == ("server", "", False)
    assert server.attributes == {
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "http.route": "/webhook/stripe",
        "url.path": "/webhook/stripe",
        "url.scheme": "http",
        "payments.outcome": "applied",
        "payments.payment.id": payment_id,
        "stripe.event.id": delivery.event_id,
        "stripe.event.type": "checkout.session.completed",
    }
    assert server.resource["service.name"] == "lea-payments-webhook"
    assert "service.version" in server.resource
    assert (batch.kind, batch.attributes) == (
        "client",
        {"db.system.name": "aws.dynamodb", "db.operation.name": BATCH, "db.operation.batch.size": 1},
    )
    assert {server.trace_id, apply.trace_id, batch.trace_id} == {traced_webhook.line_of(delivery)["trace_id"]}
    assert records.get(payment_id).history[0].trace_id == server.trace_id
    assert batch.links == (apply.context,)
    assert apply.links == (batch.context,)


def test_a_delivery_is_linked_to_its_checkout(traced_webhook: Webhook, sink: OtlpSink, records: Records) -> None:
    linked = _paid(records.put(), metadata={"traceparent": CHECKOUT})
    alone = _paid(records.put(), metadata={"traceparent": "not a traceparent"})
    for delivery in (linked, alone):
        delivery.to(traced_webhook.client)

    server, _ = _tree(sink, linked, "applied")
    assert server.links == (("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"),)
    assert server.trace_id != "0af7651916cd43dd8448eb211c80319c"
    server, _ = _tree(sink, alone, "applied")
    assert server.links == ()


def test_a_traceparent_header_is_not_joined(traced_webhook: Webhook, sink: OtlpSink, records: Records) -> None:
    delivery = _paid(records.put())
    headers = {"Stripe-Signature": delivery.signature, "traceparent": CHECKOUT}
    traced_webhook.client.post("/webhook/stripe", content=delivery.body, headers=headers)

    server, _ = _tree(sink, delivery, "applied")
    assert (server.parent, server.trace_id == CHECKOUT[3:35]) == ("", False)


def test_a_batch_and_its_events_are_linked(
    traced_webhook: Webhook, sink: OtlpSink, records: Records, dynamodb: FaultyDynamoDB
) -> None:
    deliveries = [_paid(records.put()) for _ in range(8)]
    dynamodb.fault = faults.slow(0.12)

    with ThreadPoolExecutor(8) as senders:
        assert {answer.status for answer in senders.map(lambda one: one.to(traced_webhook.client), deliveries)} == {200}

    applies = {apply.context: apply for _, apply in (_tree(sink, one, "applied") for one in deliveries)}
    batches = [span for span in sink.with_name(BATCH) if set(span.links) & applies.keys()]
    assert sorted(link for batch in batches for link in batch.links) == sorted(applies)
    assert max(len(batch.links) for batch in batches) > 1
    for batch in batches:
        assert batch.attributes["db.operation.batch.size"] == len(batch.links)
        assert (batch.trace_id, batch.parent) in batch.links
        assert all(applies[link].links == (batch.context,) for link in batch.links)


def test_a_failed_delivery_names_its_error(
    traced_webhook: Webhook, sink: OtlpSink, records: Records, dynamodb: FaultyDynamoDB
) -> None:
    delivery = _paid(records.put())
    dynamodb.fault = faults.error_response(500, "InternalServerError")
    delivery.to(traced_webhook.client)

    server, apply = _tree(sink, delivery, "unavailable")
    assert (server.failed, server.attributes["error.type"]) == (True, "unavailable")
    assert server.attributes["http.response.status_code"] == 503
    assert apply.failed


def test_without_sampling_only_errors_are_exported(
    start_webhook: Start, free_port: Callable[[], int], records: Records, dynamodb: FaultyDynamoDB
) -> None:
    good, unavailable = _paid(records.put()), _paid(records.put())
    bad = Delivery.of(stripe_bodies.completed(records.put()), "whsec_wrong")
    with OtlpSink(free_port()) as sink:
        webhook = start_webhook(
            DDB_ENDPOINT=dynamodb.endpoint,
            OTEL_EXPORTER_OTLP_ENDPOINT=sink.endpoint,
            OTEL_TRACES_SAMPLER_ARG="0",
        )
        good.to(webhook.client)
        bad.to(webhook.client)
        dynamodb.fault = faults.error_response(500, "InternalServerError")
        unavailable.to(webhook.client)
        exemplars = _exemplars(webhook)
        webhook.end()

    assert exemplars == {span.trace_id for span in sink.spans}
    assert [(span.name, span.attributes["error.type"]) for span in sink.spans] == [
        (SERVER, "invalid_signature"),
        (SERVER, "unavailable"),
    ]
    assert sink.spans[1].attributes["stripe.event.id"] == unavailable.event_id
    assert sink.spans[1].trace_id == webhook.line_of(unavailable)["trace_id"]
    assert sink.spans[1].failed


def test_the_last_spans_are_exported_at_the_end(
    start_webhook: Start, free_port: Callable[[], int], records: Records
) -> None:
    delivery = _paid(records.put())
    with OtlpSink(free_port()) as sink:
        webhook = start_webhook(OTEL_EXPORTER_OTLP_ENDPOINT=sink.endpoint, OTEL_BSP_SCHEDULE_DELAY="600000")
        delivery.to(webhook.client)
        webhook.end()

        assert {span.name for span in sink.spans} == {SERVER, APPLY, BATCH}
        assert set(sink.requests) == {"/v1/traces"}


def test_a_silent_collector_does_not_delay_deliveries(start_webhook: Start, records: Records) -> None:
    with socket.create_server(("127.0.0.1", 0)) as collector:
        endpoint = f"http://127.0.0.1:{collector.getsockname()[1]}"
        webhook = start_webhook(OTEL_EXPORTER_OTLP_ENDPOINT=endpoint, OTEL_BSP_MAX_EXPORT_BATCH_SIZE="4")
        answers = [_paid(records.put()).to(webhook.client) for _ in range(12)]
        started = time.monotonic()
        webhook.end()

    assert {answer[:2] for answer in answers} == {(200, "applied")}
    # 36 spans in batches of 4, with 5 s per export, would be 45 s.
    assert sum(answer.seconds for answer in answers) < 40
    assert time.monotonic() - started < 40


_RECORD_CONNECTS = """
import os, sys
def record(event, arguments):
    if event == "socket.connect":
        with open(os.environ["CONNECTS"], "a") as file:
            print(arguments[1][1], file=file)
sys.addaudithook(record)
"""


def test_without_telemetry_only_the_table_is_connected(
    start_webhook: Start,
    records: Records,
    tmp_path: Path,
    dynamodb_endpoint: str,
    sink: OtlpSink,
    free_port: Callable[[], int],
) -> None:
    (tmp_path / "sitecustomize.py").write_text(_RECORD_CONNECTS)

    def ports(**env: str) -> tuple[set[str], int]:
        file = tmp_path / f"connects-{len(env)}"
        webhook = start_webhook(PYTHONPATH=str(tmp_path), CONNECTS=str(file), **env)
        assert _paid(records.put()).to(webhook.client).outcome == "applied"
        sockets = psutil.Process(webhook.service.process.pid).net_connections("tcp")
        webhook.end()
        listening = sorted(one.laddr.port for one in sockets if one.status == psutil.CONN_LISTEN)
        assert httpx.URL(webhook.service.url).port in listening
        return set(file.read_text().split()), len(listening)

    of_table, of_sink = (endpoint.rpartition(":")[2] for endpoint in (dynamodb_endpoint, sink.endpoint))

    assert ports(METRICS_PORT="0") == ({of_table}, 1)
    assert ports(METRICS_PORT=str(free_port()), OTEL_EXPORTER_OTLP_ENDPOINT=sink.endpoint) == ({of_table, of_sink}, 2)
