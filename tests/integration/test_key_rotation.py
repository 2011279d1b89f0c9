"""Changes the API key and the tokens while calls run."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self

import httpx
import pytest

from tests.support import odd_json
from tests.support.checkout_api import NEXT_TOKEN, TOKEN, checkout_client, payment_body
from tests.support.http_server import BackgroundServer
from tests.support.plain_http import NO_CERTIFICATES
from tests.support.processes import Process
from tests.support.scrape import Scrape
from tests.support.waiting import until

OLD_KEY, NEW_KEY = "sk_test_OfYesterday", "sk_test_OfToday"
PAUSE_SECONDS = 0.02


class Stripe(BackgroundServer):
    """Answers calls with the keys in `valid`; `used` are the keys of all calls, in order."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.valid = {OLD_KEY}
        self.used: list[str] = []
        self.refused = 0
        super().__init__(_Server(port, self))


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int, stripe: Stripe) -> None:
        self.stripe = stripe
        super().__init__(("127.0.0.1", port), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Creates a session."""
        self._answer(odd_json.SESSION)

    def do_GET(self) -> None:
        """Returns a list of nothing."""
        self._answer({"object": "list", "data": [], "has_more": False})

    def _answer(self, body: object) -> None:
        stripe, key = self.server.stripe, self.headers["Authorization"].removeprefix("Bearer ")
        stripe.used.append(key)
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        is_valid = key in stripe.valid
        stripe.refused += not is_valid
        text = json.dumps(body if is_valid else {"error": {"message": "Invalid key"}}).encode()
        self.send_response_only(200 if is_valid else 401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


class Caller:
    """Creates payments one after the other with a short pause; `statuses` are those of the answers."""

    def __init__(self, url: str) -> None:
        self.token = TOKEN
        self.statuses: list[int] = []
        self._url, self._stopped = url, threading.Event()
        self._thread = threading.Thread(target=self._call)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _call(self) -> None:
        with httpx.Client(base_url=self._url, timeout=30, trust_env=False, verify=NO_CERTIFICATES) as client:
            while not self._stopped.wait(PAUSE_SECONDS):
                headers = {"Authorization": f"Bearer {self.token}"}
                self.statuses.append(client.post("/payments", json=payment_body(), headers=headers).status_code)


@pytest.fixture
def stripe(free_port: Callable[[], int]) -> Iterator[Stripe]:
    with Stripe(free_port()) as stripe:
        yield stripe


def _is_accepted(url: str, token: str) -> bool:
    with checkout_client(url, token) as client:
        return client.get("/payments", params={"user_id": "nobody"}).status_code != 401


def test_no_call_fails_while_key_and_token_are_rotated(
    start: Callable[..., Process], stripe: Stripe, tmp_path: Path
) -> None:
    key, tokens = tmp_path / "key", tmp_path / "tokens"
    key.write_text(OLD_KEY)
    tokens.write_text(TOKEN)
    url = start(
        "checkout",
        STRIPE_SECRET_KEY_FILE=str(key),
        PAYMENTS_API_TOKEN_FILE=str(tokens),
        STRIPE_API_BASE=f"http://127.0.0.1:{stripe.port}",
    ).url

    with Caller(url) as caller:
        until(lambda: stripe.used, "the first call")
        stripe.valid.add(NEW_KEY)
        tokens.write_text(f"{NEXT_TOKEN}\n{TOKEN}\n")
        key.write_text(f"{NEW_KEY}\n")
        until(lambda: NEW_KEY in stripe.used and _is_accepted(url, NEXT_TOKEN), "the new key and token")
        caller.token = NEXT_TOKEN
        calls = len(caller.statuses)
        until(lambda: len(caller.statuses) > calls + 1, "a call with the new token")
        stripe.valid.remove(OLD_KEY)
        tokens.write_text(NEXT_TOKEN)
        until(lambda: not _is_accepted(url, TOKEN), "the end of the old token")

    assert set(caller.statuses) == {201}
    assert set(stripe.used[stripe.used.index(NEW_KEY) :]) == {NEW_KEY}


def test_the_reconciler_uses_a_new_key_in_its_next_calls(
    start: Callable[..., Process], stripe: Stripe, tmp_path: Path
) -> None:
    key = tmp_path / "key"
    key.write_text(OLD_KEY)
    start(
        "reconciler",
        STRIPE_SECRET_KEY_FILE=str(key),
        STRIPE_API_BASE=f"http://127.0.0.1:{stripe.port}",
        RECONCILER_INTERVAL_SECONDS="1",
    )
    until(lambda: stripe.used, "the first run")
    stripe.valid.add(NEW_KEY)
    key.write_text(NEW_KEY)
    until(lambda: stripe.used[-1] == NEW_KEY, "the new key")
    stripe.valid.remove(OLD_KEY)
    calls = len(stripe.used)
    until(lambda: len(stripe.used) > calls + 3, "more calls")

    assert stripe.refused == 0


@pytest.mark.parametrize("content", ["whsec_notAKey", ""], ids=["another secret", "empty"])
def test_an_invalid_key_file_keeps_the_old_key(
    start: Callable[..., Process], stripe: Stripe, tmp_path: Path, free_port: Callable[[], int], content: str
) -> None:
    key, metrics_port = tmp_path / "key", free_port()
    key.write_text(OLD_KEY)
    service = start(
        "checkout",
        STRIPE_SECRET_KEY_FILE=str(key),
        PAYMENTS_API_TOKEN=TOKEN,
        STRIPE_API_BASE=f"http://127.0.0.1:{stripe.port}",
        METRICS_PORT=str(metrics_port),
    )
    key.write_text(content)
    until(lambda: "secrets_kept" in service.log.read_text(), "the log line")
    metrics = f"http://127.0.0.1:{metrics_port}"
    until(lambda: Scrape.of(metrics).value("payments_secret_file_invalid", file="api_key"), "the metric")

    with checkout_client(service.url) as client:
        assert client.post("/payments", json=payment_body()).status_code == 201
    assert "whsec_notAKey" not in service.log.read_text()
    key.write_text(OLD_KEY)
    until(lambda: not Scrape.of(metrics).value("payments_secret_file_invalid", file="api_key"), "a valid file")
