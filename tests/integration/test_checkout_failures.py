"""Calls the checkout API while Stripe or the table fails, and again after the failure."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.support import plain_http
from tests.support.checkout_api import SECRETS, checkout_client, payment_body, sessions_of
from tests.support.emulator import EmulatorClient
from tests.support.otlp_sink import OtlpSink
from tests.support.processes import Process

CANARY = "canary-4f2a"
SESSIONS = "/v1/checkout/sessions"


@pytest.fixture(scope="module")
def emulator(start_service: Callable[..., str]) -> Iterator[httpx.Client]:
    with EmulatorClient(start_service("stripe-emulator")) as emulator:
        yield emulator.http


@pytest.fixture
def stripe(emulator: httpx.Client) -> Iterator[httpx.Client]:
    yield emulator
    emulator.delete("/_faults").raise_for_status()


@pytest.fixture(scope="module")
def api(start_service: Callable[..., str], emulator: httpx.Client) -> Iterator[httpx.Client]:
    with checkout_client(start_service("checkout", STRIPE_API_BASE=str(emulator.base_url), **SECRETS)) as client:
        yield client


def _fail_calls(stripe: httpx.Client, **fault: Any) -> None:
    stripe.put("/_faults", json={"api_error": {"path": SESSIONS, **fault}}).raise_for_status()


def _code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_a_repeated_call_after_an_outage_gets_the_link(
    start_service: Callable[..., str], free_port: Callable[[], int]
) -> None:
    port, body = str(free_port()), payment_body()
    with checkout_client(start_service("checkout", STRIPE_API_BASE=f"http://127.0.0.1:{port}", **SECRETS)) as api:
        during = api.post("/payments", json=body)
        record = api.get(f"/payments/{body['payment_intent_id']}").json()
        start_service("stripe-emulator", PORT=port)
        after = api.post("/payments", json=body)

    assert _code(during) == (502, "stripe_unreachable")
    assert (record["payment_status"], record["stripe_session_id"]) == ("pending", None)
    assert (after.status_code, after.json()["payment"]["created_at"]) == (201, record["created_at"])


def test_a_lost_answer_creates_no_second_session(api: httpx.Client, stripe: httpx.Client) -> None:
    """Stripe has executed the first call. It recognizes the key and sends its answer again."""
    body = payment_body()
    _fail_calls(stripe, drop="response", times=1)
    api.post("/payments", json=body)

    assert api.post("/payments", json=body).is_success
    assert len(sessions_of(stripe, body["payment_intent_id"])) == 1


def test_a_server_error_of_stripe_is_a_502(api: httpx.Client, stripe: httpx.Client) -> None:
    body = payment_body()
    _fail_calls(stripe, status=500)
    assert _code(api.post("/payments", json=body)) == (502, "stripe_error")
    stripe.delete("/_faults")

    assert api.post("/payments", json=body).status_code == 201


def test_a_stored_error_of_stripe_does_not_last_a_day(api: httpx.Client, stripe: httpx.Client) -> None:
    """For 24 hours Stripe answers a key with its first answer, also if that was a 500."""
    body = payment_body()
    _fail_calls(stripe, status=500, stored=True, times=1)

    assert api.post("/payments", json=body).status_code == 201


def test_a_rate_limit_of_stripe_is_a_503_with_retry_after(api: httpx.Client, stripe: httpx.Client) -> None:
    _fail_calls(stripe, status=429)

    answer = api.post("/payments", json=payment_body())

    assert _code(answer) == (503, "stripe_busy")
    assert int(answer.headers["Retry-After"]) > 0


def test_changed_parameters_start_a_new_attempt(
    api: httpx.Client, stripe: httpx.Client, start_service: Callable[..., str]
) -> None:
    """The answer to the first attempt was lost, and then a deployment changed the pages' URL."""
    body = payment_body()
    _fail_calls(stripe, drop="response")
    assert _code(api.post("/payments", json=body)) == (502, "stripe_unreachable")
    stripe.delete("/_faults")
    base = str(stripe.base_url)
    url = start_service("checkout", STRIPE_API_BASE=base, PAGES_BASE_URL="https://new.example", **SECRETS)

    with checkout_client(url) as redeployed:
        assert redeployed.post("/payments", json=body).status_code == 201


def test_an_attempt_of_the_former_version_gets_a_link(api: httpx.Client, stripe: httpx.Client) -> None:
    """Version 0.1.0 has begun it, without the attempt's number in the metadata, and its answer was lost."""
    body = payment_body()
    _fail_calls(stripe, drop="request")
    api.post("/payments", json=body)
    stripe.delete("/_faults")
    former = {
        "mode": "payment",
        "success_url": "http://localhost:8085/success?session_id={CHECKOUT_SESSION_ID}",
        "client_reference_id": body["payment_intent_id"],
        "metadata[payment_intent_id]": body["payment_intent_id"],
        "line_items[0][quantity]": 1,
        "line_items[0][price_data][currency]": "sgd",
        "line_items[0][price_data][unit_amount]": 12000,
        "line_items[0][price_data][product_data][name]": "Travel insurance",
    }
    key = {"Idempotency-Key": f"checkout-{body['payment_intent_id']}-1"}
    stripe.post(SESSIONS, data=former, headers=key).raise_for_status()

    answer = api.post("/payments", json=body)

    session = stripe.get(f"{SESSIONS}/{answer.json()['payment']['stripe_session_id']}").json()
    assert (answer.status_code, session["metadata"]["attempt"]) == (201, "2")


def test_a_wrong_key_is_named_but_not_shown(start: Callable[..., Process], stripe: httpx.Client) -> None:
    secrets = {**SECRETS, "STRIPE_SECRET_KEY": f"sk_live_OfTheCheckoutTests{CANARY[-4:]}"}
    service = start("checkout", STRIPE_API_BASE=str(stripe.base_url), LOG_LEVEL="debug", **secrets)

    with checkout_client(service.url) as api:
        answer = api.post("/payments", json=payment_body())

    assert _code(answer) == (502, "stripe_refused")
    assert "STRIPE_SECRET_KEY" in answer.text
    assert CANARY[-4:] not in answer.text + service.output()


def test_a_missing_table_is_a_503(start_service: Callable[..., str], free_port: Callable[[], int]) -> None:
    no_table = {"DDB_ENDPOINT": f"http://127.0.0.1:{free_port()}", "STRIPE_API_BASE": "http://127.0.0.1:1"}

    with checkout_client(start_service("checkout", ready_at="/livez", **no_table, **SECRETS)) as api:
        answers = [api.post("/payments", json=payment_body()), api.get("/payments/p"), api.get("/payments?user_id=u")]

    assert {_code(answer) for answer in answers} == {(503, "table_unavailable")}
    assert {answer.headers["Retry-After"] for answer in answers} == {"1"}


@pytest.fixture
def sink(free_port: Callable[[], int]) -> Iterator[OtlpSink]:
    with OtlpSink(free_port()) as sink:
        yield sink


def test_customer_data_is_in_no_log_metric_or_span(
    start: Callable[..., Process], stripe: httpx.Client, free_port: Callable[[], int], sink: OtlpSink
) -> None:
    metrics = free_port()
    telemetry = {"METRICS_PORT": str(metrics), "LOG_LEVEL": "debug", "OTEL_EXPORTER_OTLP_ENDPOINT": sink.endpoint}
    service = start("checkout", STRIPE_API_BASE=str(stripe.base_url), **telemetry, **SECRETS)
    body = payment_body(user_id=CANARY, quote_id=f"q-{CANARY}", product_name=f"For {CANARY}")

    with checkout_client(service.url) as api:
        created = api.post("/payments", json=body)
        api.post("/payments", json=body | {"amount": 1, "locale": CANARY})
        api.post("/payments", json=body | {"user_id": f"{CANARY}-2"})
        api.get("/payments", params={"user_id": CANARY})
        _fail_calls(stripe, status=400)
        api.post("/payments", json=payment_body(user_id=CANARY))
        scrape = plain_http.get(f"http://127.0.0.1:{metrics}/metrics").text
    service.stop()
    stripe.delete("/_faults")

    session = stripe.get(f"{SESSIONS}/{created.json()['payment']['stripe_session_id']}").json()
    trace_id = session["metadata"]["traceparent"].split("-")[1]
    lines = service.output()
    assert 'payments_checkout_sessions_total{stage="created"} 1.0' in scrape
    assert trace_id in {span.trace_id for span in sink.spans}
    assert f'"trace_id":"{trace_id}"' in lines
    assert CANARY not in lines + scrape + sink.raw
