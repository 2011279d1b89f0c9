"""Runs a webhook endpoint that records its requests."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import stripe

SECRET = "whsec_test_of_the_emulator"
TIMEOUT_SECONDS = 120


@dataclass
class Received:
    """One request to the receiver."""

    headers: dict[str, str]
    body: bytes
    secret: str

    @property
    def event(self) -> stripe.Event:
        """Return the event after the official package has verified its signature."""
        signature = self.headers["Stripe-Signature"]
        event: stripe.Event = stripe.Webhook.construct_event(self.body, signature, self.secret)
        return event

    @property
    def json(self) -> dict[str, Any]:
        """Return the event as JSON."""
        body: dict[str, Any] = json.loads(self.body)
        return body


@dataclass
class Receiver:
    """A merchant's webhook endpoint: records its requests and answers as the test decides."""

    answer: Callable[[Received, int], int] = lambda _received, _number: 200
    requests: list[Received] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    url: str = ""
    secret: str = SECRET

    def record(self, received: Received) -> int:
        """Record a request and return the status of the answer."""
        with self._changed:
            self.requests.append(received)
            number = len(self.requests)
            self._changed.notify_all()
        return self.answer(received, number)

    def wait(self, enough: Callable[[list[Received]], bool]) -> list[Received]:
        """Wait until enough was received, and return everything."""
        with self._changed:
            assert self._changed.wait_for(lambda: enough(self.requests), TIMEOUT_SECONDS), self.types()
            return list(self.requests)

    def first(self, event_type: str) -> Received:
        """Wait for an event of a type, and return the first one."""
        received = self.wait(lambda requests: any(one.json["type"] == event_type for one in requests))
        return next(one for one in received if one.json["type"] == event_type)

    def types(self) -> list[str]:
        """Return the types received so far, in order."""
        return [one.json["type"] for one in self.requests]


@contextmanager
def serve(receiver: Receiver) -> Iterator[Receiver]:
    """Run an HTTP server for the receiver."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(receiver.record(Received(dict(self.headers), body, receiver.secret)))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # the name is the standard library's
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/"
    yield receiver
    server.shutdown()
    server.server_close()
    thread.join()
