"""Calls the checkout API while Stripe answers with any JSON: no call is a 500, and no link leads astray."""

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lea_payments.checkout.errors import ERRORS
from tests.support import odd_json
from tests.support.checkout_api import SECRETS, checkout_client, payment_body
from tests.support.examples import examples
from tests.support.http_server import BackgroundServer

STATUSES = st.sampled_from([200, 200, 200, 302, 400, 401, 402, 403, 404])
"""Without those that Stripe's package retries after a pause."""


class OddStripe(BackgroundServer):
    """Answers every request with `body`; `keys` are the idempotency keys of the requests that create a session."""

    def __init__(self, port: int) -> None:
        self.status = 200
        self.body: object = odd_json.SESSION
        self.keys: list[str] = []
        super().__init__(_Server(port, self))


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int, stripe: OddStripe) -> None:
        self.stripe = stripe
        super().__init__(("127.0.0.1", port), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        stripe = self.server.stripe
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = json.dumps(stripe.body).encode()
        self.send_response_only(stripe.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        """Answers the creation of a session."""
        self.server.stripe.keys.append(self.headers["Idempotency-Key"])
        self.do_GET()

    def log_message(self, format: str, *args: Any) -> None:
        """Writes no log."""


@pytest.fixture(scope="module")
def port(free_port: Callable[[], int]) -> int:
    return free_port()


@pytest.fixture(scope="module")
def stripe(port: int) -> Iterator[OddStripe]:
    with OddStripe(port) as stripe:
        yield stripe


@pytest.fixture(scope="module")
def api(start_service: Callable[..., str], stripe: OddStripe, port: int) -> Iterator[httpx.Client]:
    del stripe  # it must be running
    with checkout_client(start_service("checkout", STRIPE_API_BASE=f"http://127.0.0.1:{port}", **SECRETS)) as client:
        yield client


def _code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


@pytest.mark.parametrize("url", ["", None, "javascript:alert(1)", "data:text/html,x"])
def test_after_an_odd_link_the_next_call_gets_a_good_one(api: httpx.Client, stripe: OddStripe, url: str | None) -> None:
    body = payment_body()
    stripe.status, stripe.keys = 200, []
    stripe.body = odd_json.SESSION | {"url": url}
    first = api.post("/payments", json=body)
    between = api.get(f"/payments/{body['payment_intent_id']}").json()
    stripe.body = odd_json.SESSION

    second = api.post("/payments", json=body)

    assert _code(first) == (502, "stripe_error")
    assert (between["payment_status"], between["stripe_session_id"]) == ("pending", None)
    assert (second.status_code, second.json()["link"]["url"]) == (201, odd_json.SESSION["url"])
    assert [key.rpartition("-")[2] for key in stripe.keys] == ["1", "2"]


def test_an_odd_answer_about_an_open_link_changes_nothing(api: httpx.Client, stripe: OddStripe) -> None:
    """A second link beside the open one could be paid twice."""
    body = payment_body()
    stripe.status, stripe.body = 200, odd_json.SESSION
    created = api.post("/payments", json=body)
    stripe.body = odd_json.SESSION | {"url": "javascript:alert(1)"}
    odd = api.post("/payments", json=body)
    stripe.body = odd_json.SESSION

    again = api.post("/payments", json=body)

    assert _code(odd) == (502, "stripe_error")
    assert (created.status_code, again.status_code) == (201, 200)
    assert again.json() == created.json()


def test_no_response_of_stripe_is_a_500_or_an_odd_link(api: httpx.Client, stripe: OddStripe) -> None:
    @given(st.lists(st.tuples(STATUSES, odd_json.RESPONSES), min_size=1, max_size=3))
    @settings(max_examples=examples(15, 100), deadline=None, suppress_health_check=list(HealthCheck))
    def check(responses: list[tuple[int, object]]) -> None:
        body = payment_body()
        for status, stripe.body in responses:
            stripe.status = status
            answer = api.post("/payments", json=body)
            if answer.is_success:
                assert urlsplit(answer.json()["link"]["url"]).netloc == "checkout.stripe.com"
            else:
                assert answer.status_code != 500
                assert answer.json()["error"]["code"] in ERRORS

    check()


def test_a_local_stripe_can_have_links_without_tls(api: httpx.Client, stripe: OddStripe) -> None:
    stripe.status, stripe.body = 200, odd_json.SESSION | {"url": "http://127.0.0.1:9/c/pay/cs_1"}

    assert api.post("/payments", json=payment_body()).status_code == 201
