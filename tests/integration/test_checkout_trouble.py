"""Stripe or the table is away, slow to answer or refuses: what the caller is told, and that the next call mends it."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from tests.support.checkout_calls import SECRETS, asked, checkout_api, sessions_of, stripe_api
from tests.support.parts import Part

CANARY = "canary-4f2a"
SESSIONS = "/v1/checkout/sessions"


@pytest.fixture(scope="module")
def emulator(start_part: Callable[..., str]) -> Iterator[httpx.Client]:
    with stripe_api(start_part("stripe-emulator")) as client:
        yield client


@pytest.fixture
def stripe(emulator: httpx.Client) -> Iterator[httpx.Client]:
    yield emulator
    emulator.delete("/_faults").raise_for_status()


@pytest.fixture(scope="module")
def api(start_part: Callable[..., str], emulator: httpx.Client) -> Iterator[httpx.Client]:
    with checkout_api(start_part("checkout", STRIPE_API_BASE=str(emulator.base_url), **SECRETS)) as client:
        yield client


def _fails(stripe: httpx.Client, **fault: Any) -> None:
    stripe.put("/_faults", json={"api_error": {"path": SESSIONS, **fault}}).raise_for_status()


def _code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_stripe_away_leaves_a_record_and_the_same_call_later_gets_the_link(
    start_part: Callable[..., str], free_port: Callable[[], int]
) -> None:
    port, body = str(free_port()), asked()
    with checkout_api(start_part("checkout", STRIPE_API_BASE=f"http://127.0.0.1:{port}", **SECRETS)) as api:
        away = api.post("/payments", json=body)
        waiting = api.get(f"/payments/{body['payment_intent_id']}").json()
        start_part("stripe-emulator", PORT=port)
        back = api.post("/payments", json=body)

    assert _code(away) == (502, "stripe_unreachable")
    assert (waiting["payment_status"], waiting["stripe_session_id"]) == ("pending", None)
    assert (back.status_code, back.json()["payment"]["created_at"]) == (201, waiting["created_at"])


def test_an_answer_lost_on_its_way_makes_no_second_session(api: httpx.Client, stripe: httpx.Client) -> None:
    """The first call was executed, its answer never came: Stripe knows the key and answers again."""
    body = asked()
    _fails(stripe, drop="response", times=1)
    api.post("/payments", json=body)

    assert api.post("/payments", json=body).is_success
    assert len(sessions_of(stripe, body["payment_intent_id"])) == 1


def test_stripes_own_fault_is_told_and_the_next_call_mends_it(api: httpx.Client, stripe: httpx.Client) -> None:
    body = asked()
    _fails(stripe, status=500)
    assert _code(api.post("/payments", json=body)) == (502, "stripe_error")
    stripe.delete("/_faults")

    assert api.post("/payments", json=body).status_code == 201


def test_a_fault_that_stripe_remembers_does_not_last_a_day(api: httpx.Client, stripe: httpx.Client) -> None:
    """Stripe answers a key with its first answer for 24 hours, a 500 included."""
    body = asked()
    _fails(stripe, status=500, stored=True, times=1)

    assert api.post("/payments", json=body).status_code == 201


def test_too_many_calls_are_told_when_to_come_back(api: httpx.Client, stripe: httpx.Client) -> None:
    _fails(stripe, status=429)

    answer = api.post("/payments", json=asked())

    assert _code(answer) == (503, "stripe_busy")
    assert int(answer.headers["Retry-After"]) > 0


def test_parameters_that_have_changed_begin_a_new_attempt(
    api: httpx.Client, stripe: httpx.Client, start_part: Callable[..., str]
) -> None:
    """The answer to the first attempt was lost, and since then we were deployed with other addresses."""
    body = asked()
    _fails(stripe, drop="response")
    assert _code(api.post("/payments", json=body)) == (502, "stripe_unreachable")
    stripe.delete("/_faults")
    base = str(stripe.base_url)
    url = start_part("checkout", STRIPE_API_BASE=base, PAGES_BASE_URL="https://new.example", **SECRETS)

    with checkout_api(url) as redeployed:
        assert redeployed.post("/payments", json=body).status_code == 201


def test_a_wrong_key_is_told_without_showing_it(start: Callable[..., Part], stripe: httpx.Client) -> None:
    secrets = {**SECRETS, "STRIPE_SECRET_KEY": f"sk_live_{CANARY}"}
    part = start("checkout", STRIPE_API_BASE=str(stripe.base_url), LOG_LEVEL="debug", **secrets)

    with checkout_api(part.url) as api:
        answer = api.post("/payments", json=asked())

    assert _code(answer) == (502, "stripe_refused")
    assert "STRIPE_SECRET_KEY" in answer.text
    assert CANARY[-4:] not in answer.text + part.log.read_text()


def test_a_table_that_is_away_is_told(start_part: Callable[..., str], free_port: Callable[[], int]) -> None:
    nowhere = {"DDB_ENDPOINT": f"http://127.0.0.1:{free_port()}", "STRIPE_API_BASE": "http://127.0.0.1:1"}

    with checkout_api(start_part("checkout", ready_at="/livez", **nowhere, **SECRETS)) as api:
        answers = [api.post("/payments", json=asked()), api.get("/payments/p"), api.get("/payments?user_id=u")]

    assert {_code(answer) for answer in answers} == {(503, "table_unavailable")}
    assert {answer.headers["Retry-After"] for answer in answers} == {"1"}


@pytest.fixture
def collector() -> Iterator[tuple[str, list[bytes]]]:
    """Yield the address of an OTLP collector and what it got."""
    got: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", got
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_customer_is_in_no_log_line_metric_or_span(
    start: Callable[..., Part],
    stripe: httpx.Client,
    free_port: Callable[[], int],
    collector: tuple[str, list[bytes]],
) -> None:
    metrics, (endpoint, spans) = free_port(), collector
    told = {"METRICS_PORT": str(metrics), "LOG_LEVEL": "debug", "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
    part = start("checkout", STRIPE_API_BASE=str(stripe.base_url), **told, **SECRETS)
    body = asked(user_id=CANARY, quote_id=f"q-{CANARY}", product_name=f"For {CANARY}")

    with checkout_api(part.url) as api:
        created = api.post("/payments", json=body)
        api.post("/payments", json=body | {"amount": 1, "locale": CANARY})
        api.post("/payments", json=body | {"user_id": f"{CANARY}-2"})
        api.get("/payments", params={"user_id": CANARY})
        _fails(stripe, status=400)
        api.post("/payments", json=asked(user_id=CANARY))
        scraped = httpx.get(f"http://127.0.0.1:{metrics}/metrics", trust_env=False).text
    part.stop()
    stripe.delete("/_faults")

    session = stripe.get(f"{SESSIONS}/{created.json()['payment']['stripe_session_id']}").json()
    trace_id = session["metadata"]["traceparent"].split("-")[1]
    lines = part.log.read_text()
    assert 'payments_checkout_sessions_total{stage="created"} 1.0' in scraped
    assert bytes.fromhex(trace_id) in b"".join(spans)
    assert f'"trace_id":"{trace_id}"' in lines
    assert CANARY not in lines + scraped
    assert CANARY.encode() not in b"".join(spans)
