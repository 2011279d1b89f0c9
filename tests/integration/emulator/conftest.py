"""A real emulator in a process of its own, and a real receiver for its webhooks; shared by these tests only."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
import stripe

SECRET = "whsec_test_of_the_emulator"
KEY = "sk_test_emulator"
PATIENCE = 20


@dataclass
class Received:
    """One request that reached the receiver."""

    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> stripe.Event:
        """The event, its signature checked by the official package."""
        signature = self.headers["Stripe-Signature"]
        event: stripe.Event = stripe.Webhook.construct_event(self.body, signature, SECRET)
        return event

    @property
    def json(self) -> dict[str, Any]:
        """The event as plain JSON."""
        body: dict[str, Any] = json.loads(self.body)
        return body


@dataclass
class Receiver:
    """A merchant's endpoint: keeps what it gets and answers what the test wants."""

    answer: Callable[[Received, int], int] = lambda _received, _number: 200
    requests: list[Received] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    url: str = ""

    def take(self, received: Received) -> int:
        """Keep a request; the status to answer with."""
        with self._changed:
            self.requests.append(received)
            number = len(self.requests)
            self._changed.notify_all()
        return self.answer(received, number)

    def wait(self, enough: Callable[[list[Received]], bool]) -> list[Received]:
        """Everything received, once it is enough."""
        with self._changed:
            assert self._changed.wait_for(lambda: enough(self.requests), PATIENCE), self.types()
            return list(self.requests)

    def first(self, event_type: str) -> Received:
        """The first event of a type, waited for."""
        received = self.wait(lambda requests: any(one.json["type"] == event_type for one in requests))
        return next(one for one in received if one.json["type"] == event_type)

    def types(self) -> list[str]:
        """The types received so far, in order."""
        return [one.json["type"] for one in self.requests]


@dataclass
class Running:
    """The emulator's process and ways to talk to it."""

    url: str
    http: httpx.Client
    stripe: stripe.StripeClient

    def checkout(self, **more: Any) -> Any:
        """A checkout session for one policy."""
        params: dict[str, Any] = {
            "mode": "payment",
            "success_url": "http://merchant.test/success?session_id={CHECKOUT_SESSION_ID}",
            "cancel_url": "http://merchant.test/cancel",
            "line_items": [
                {
                    "price_data": {
                        "currency": "sgd",
                        "unit_amount": 12000,
                        "product_data": {"name": "Travel insurance"},
                    },
                    "quantity": 1,
                }
            ],
        }
        return self.stripe.v1.checkout.sessions.create(params=params | more)  # type: ignore[arg-type]

    def pay(self, session_id: str, **how: Any) -> httpx.Response:
        """Pay a session as its customer would."""
        return self.http.post(f"/_pay/{session_id}", json=how)


Start = Callable[..., Running]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    kept = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(kept.take(Received(dict(self.headers), body)))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name is the standard library's
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    kept.url = f"http://127.0.0.1:{server.server_address[1]}/"
    yield kept
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def start(receiver: Receiver) -> Iterator[Start]:
    running: list[tuple[subprocess.Popen[bytes], Running]] = []

    def run(**environment: str) -> Running:
        port = _free_port()
        defaults = {
            "HOST": "127.0.0.1",
            "PORT": str(port),
            "EMULATOR_WEBHOOK_URL": receiver.url,
            "EMULATOR_WEBHOOK_SECRET": SECRET,
            "EMULATOR_RETRY_BASE_SECONDS": "0.05",
            "LOG_LEVEL": "warning",
        }
        process = subprocess.Popen([sys.executable, "-m", "stripe_emulator"], env=os.environ | defaults | environment)
        url = f"http://127.0.0.1:{port}"
        one = Running(
            url,
            httpx.Client(base_url=url, timeout=PATIENCE, trust_env=False),
            stripe.StripeClient(KEY, base_addresses={"api": url}, max_network_retries=0),
        )
        running.append((process, one))
        _wait_until_up(process, one)
        return one

    yield run
    for process, one in running:
        one.http.close()
        process.terminate()
        process.wait(PATIENCE)


@pytest.fixture
def emulator(start: Start) -> Running:
    return start()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_up(process: subprocess.Popen[bytes], running: Running) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        assert process.poll() is None, "the emulator ended instead of starting"
        try:
            running.http.get("/health").raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.02)
        else:
            return
    pytest.fail("the emulator did not start")
