"""Checks that the traces of a payment are linked, from its creation to its page."""

from collections.abc import Callable

import pytest

from tests.support import dynamodb_faults as faults
from tests.support import plain_http
from tests.support.checkout_api import SECRETS, checkout_client, payment_body
from tests.support.faulty_dynamodb import FaultyDynamoDB
from tests.support.otlp_sink import OtlpSink, Span, spans_of_payment
from tests.support.processes import Process
from tests.support.simulation import Simulation
from tests.support.waiting import until

SPANS = {
    ("lea-payments-checkout", "POST /payments", "server"),
    ("lea-payments-checkout", "PutItem", "client"),
    ("lea-payments-checkout", "POST /v1/checkout/sessions", "client"),
    ("lea-payments-checkout", "UpdateItem", "client"),
    ("lea-payments-webhook", "POST /webhook/stripe", "server"),
    ("lea-payments-webhook", "payments.apply", "internal"),
    ("lea-payments-webhook", "BatchExecuteStatement", "client"),
    ("lea-payments-pages", "GET /success", "server"),
    ("lea-payments-pages", "Query", "client"),
    ("lea-payments-pages", "GetItem", "client"),
    ("lea-payments-notifier", "notification.send", "client"),
}
"""The spans of a payment that is completed at the first attempt: service, name and kind."""


def _kinds(spans: list[Span]) -> set[tuple[str, str, str]]:
    return {(str(span.resource["service.name"]), span.name, span.kind) for span in spans}


def _all_spans(sink: OtlpSink, payment_id: str) -> list[Span]:
    """Waits until all services have exported their spans of the payment."""

    def complete() -> list[Span]:
        spans = spans_of_payment(sink.spans, payment_id)
        assert _kinds(spans) >= SPANS, _kinds(spans)
        return spans

    return until(complete, f"all spans of {payment_id}")


def test_the_spans_of_a_payment_are_linked(simulation: Simulation, sink: OtlpSink) -> None:
    payment, another = simulation.complete_payment(), simulation.complete_payment()

    spans = _all_spans(sink, payment.payment_id)
    assert _kinds(spans) == SPANS
    ids = {span.attributes.get("payments.payment.id") for span in spans} - {None}
    assert ids == {payment.payment_id}
    assert another.payment_id not in ids


def test_page_and_delivery_are_linked_to_the_checkout(simulation: Simulation, sink: OtlpSink) -> None:
    payment = simulation.complete_payment()

    spans = {span.name: span for span in _all_spans(sink, payment.payment_id)}
    checkout, page, delivery = (spans[name] for name in ("POST /payments", "GET /success", "POST /webhook/stripe"))
    assert page.links == delivery.links == (checkout.context,)
    assert len({page.trace_id, delivery.trace_id, checkout.trace_id}) == 3
    assert spans["Query"].parent == spans["GetItem"].parent == page.span_id
    assert spans["POST /v1/checkout/sessions"].parent == checkout.span_id
    assert checkout.attributes == {
        "http.request.method": "POST",
        "http.response.status_code": 201,
        "http.route": "/payments",
        "payments.payment.id": payment.payment_id,
    }


def test_a_missing_link_between_spans_is_an_error(simulation: Simulation, sink: OtlpSink) -> None:
    payment = simulation.complete_payment()
    spans = _all_spans(sink, payment.payment_id)

    without_links = [span._replace(links=()) for span in spans]
    with pytest.raises(AssertionError, match="not linked"):
        spans_of_payment(without_links, payment.payment_id)


@pytest.fixture
def start_checkout(start: Callable[..., Process], simulation: Simulation, sink: OtlpSink) -> Callable[..., Process]:
    telemetry = {"OTEL_EXPORTER_OTLP_ENDPOINT": sink.endpoint, "OTEL_BSP_SCHEDULE_DELAY": "100"}
    return lambda **env: start("checkout", **{**telemetry, "STRIPE_API_BASE": simulation.account.url, **SECRETS, **env})


def test_failures_of_the_api_are_kept_without_sampling(
    start_checkout: Callable[..., Process], free_port: Callable[[], int]
) -> None:
    no_stripe = f"http://127.0.0.1:{free_port()}"
    with OtlpSink(free_port()) as sink:
        service = start_checkout(
            OTEL_TRACES_SAMPLER_ARG="0", STRIPE_API_BASE=no_stripe, OTEL_EXPORTER_OTLP_ENDPOINT=sink.endpoint
        )
        with checkout_client(service.url) as api:
            assert api.get("/payments/payment_none").status_code == 404
            assert api.post("/payments", json=payment_body()).status_code == 502
        service.stop()

    (span,) = [span for span in sink.spans if span.resource["service.name"] == "lea-payments-checkout"]
    assert (span.name, span.failed, span.attributes["error.type"]) == ("POST /payments", True, "502")


def test_a_call_joins_its_callers_trace(start_checkout: Callable[..., Process], sink: OtlpSink) -> None:
    service = start_checkout()
    caller = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    with checkout_client(service.url) as api:
        api.get("/payments?user_id=someone", headers=caller)
        api.get("/livez")
        api.request("PROPFIND", "/payments/someone@example.com")
        api.get("/a/path/of/someone@example.com")
    service.stop()

    span = next(
        span for span in sink.spans if span.trace_id == "0af7651916cd43dd8448eb211c80319c" and span.kind == "server"
    )
    assert (span.name, span.parent) == ("GET /payments", "b7ad6b7169203331")
    assert "someone" not in sink.raw
    assert not [span for span in sink.spans if "livez" in span.name]


def test_a_failed_page_is_kept_without_sampling(
    start: Callable[..., Process], free_port: Callable[[], int], dynamodb_endpoint: str
) -> None:
    with OtlpSink(free_port()) as sink, FaultyDynamoDB(dynamodb_endpoint, free_port()) as dynamodb:
        telemetry = {"OTEL_EXPORTER_OTLP_ENDPOINT": sink.endpoint, "OTEL_TRACES_SAMPLER_ARG": "0"}
        service = start("pages", DDB_ENDPOINT=dynamodb.endpoint, **telemetry)
        dynamodb.fault = faults.error_response(400, "ThrottlingException")
        answer = plain_http.get(f"{service.url}/success?session_id=cs_test_a")
        service.stop()

    (page,) = (span for span in sink.spans if span.kind != "internal")
    assert answer.status_code == 503
    assert (page.name, page.attributes["error.type"], page.parent) == ("GET /success", "503", "")
