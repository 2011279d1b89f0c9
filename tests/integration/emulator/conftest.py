"""A real emulator in a process of its own, and a real receiver for its webhooks; shared by these tests only."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
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
    secret: str

    @property
    def event(self) -> stripe.Event:
        """The event, its signature checked by the official package."""
        signature = self.headers["Stripe-Signature"]
        event: stripe.Event = stripe.Webhook.construct_event(self.body, signature, self.secret)
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
    secret: str = SECRET

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
            self.send_response(kept.take(Received(dict(self.headers), body, kept.secret)))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # the name is the standard library's
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
def start(receiver: Receiver, free_port: Callable[[], int]) -> Iterator[Start]:
    """Start an emulator with an environment of the test's own."""
    with ExitStack() as stack:

        def run(**environment: str) -> Running:
            defaults = {
                "EMULATOR_WEBHOOK_URL": receiver.url,
                "EMULATOR_WEBHOOK_SECRET": SECRET,
                "EMULATOR_RETRY_BASE_SECONDS": "0.05",
            }
            return stack.enter_context(_running(free_port(), defaults | environment))

        yield run


@pytest.fixture(scope="session")
def _shared(free_port: Callable[[], int]) -> Iterator[Running]:
    with _running(free_port(), {"EMULATOR_RETRY_BASE_SECONDS": "0.05"}) as one:
        yield one


@pytest.fixture
def emulator(_shared: Running, receiver: Receiver) -> Running:
    """The emulator all tests share, empty, and with this test's receiver registered."""
    _shared.http.post("/_reset").raise_for_status()
    endpoint = _shared.stripe.v1.webhook_endpoints.create({"url": receiver.url, "enabled_events": ["*"]})
    receiver.secret = endpoint.secret or ""
    return _shared


@contextmanager
def _running(port: int, environment: dict[str, str]) -> Iterator[Running]:
    address = {"HOST": "127.0.0.1", "PORT": str(port), "LOG_LEVEL": "warning"}
    process = subprocess.Popen([sys.executable, "-m", "stripe_emulator"], env=os.environ | address | environment)
    url = f"http://127.0.0.1:{port}"
    with httpx.Client(base_url=url, timeout=PATIENCE, trust_env=False) as client:
        one = Running(url, client, stripe.StripeClient(KEY, base_addresses={"api": url}, max_network_retries=0))
        try:
            _wait_until_up(process, one)
            yield one
        finally:
            process.terminate()
            process.wait(PATIENCE)


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
