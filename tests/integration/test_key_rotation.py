"""Changes the API key and the tokens of the checkout API while calls run."""

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
from tests.support.processes import Process
from tests.support.waiting import until

OLD_KEY, NEW_KEY = "sk_test_OfYesterday", "sk_test_OfToday"


class Stripe(BackgroundServer):
    """Creates sessions for the keys in `valid`; `used` are the keys of all calls, in order."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.valid = {OLD_KEY}
        self.used: list[str] = []
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
        stripe, key = self.server.stripe, self.headers["Authorization"].removeprefix("Bearer ")
        stripe.used.append(key)
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = json.dumps(odd_json.SESSION if key in stripe.valid else {"error": {"message": "Invalid key"}}).encode()
        self.send_response_only(200 if key in stripe.valid else 401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Caller:
    """Creates payments one after the other; `statuses` are those of the answers."""

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
        with httpx.Client(base_url=self._url, timeout=30, trust_env=False) as client:
            while not self._stopped.is_set():
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
