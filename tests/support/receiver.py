"""Receives notifications as a customer's system does, and answers as a test tells it to."""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from standardwebhooks.webhooks import Webhook

from tests.support.http_server import BackgroundServer
from tests.support.waiting import until

SECRET = "whsec_" + "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


class Answer(NamedTuple):
    """How the receiver answers one request. `before` runs first, `before_body` after the headers; both can wait."""

    status: int = 204
    headers: Mapping[str, str] = {}
    body: bytes = b""
    before: Callable[[], object] = int
    before_body: Callable[[], object] = int


class Received(NamedTuple):
    """One request."""

    path: str
    headers: Mapping[str, str]
    body: str

    @property
    def data(self) -> dict[str, Any]:
        """The payment."""
        data: dict[str, Any] = json.loads(self.body)["data"]
        return data

    @property
    def type(self) -> str:
        """The notification's type."""
        return str(json.loads(self.body)["type"])

    @property
    def id(self) -> str:
        """The notification's id."""
        return self.headers["webhook-id"]

    def verify(self, secret: str = SECRET) -> None:
        """Raises WebhookVerificationError if no signature is of this secret."""
        Webhook(secret).verify(self.body, dict(self.headers))


class Receiver(BackgroundServer):
    """A receiver of notifications on a free port. `answers` are given in order; after the last one, `answer`."""

    def __init__(self) -> None:
        self.requests: list[Received] = []
        self.answer = Answer()
        self.answers: list[Answer] = []
        self._lock = threading.Lock()
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        server.daemon_threads = True
        self.url = f"http://127.0.0.1:{server.server_address[1]}/payments"
        super().__init__(server)

    def record(self, received: Received) -> Answer:
        """The answer to a request."""
        with self._lock:
            self.requests.append(received)
            return self.answers.pop(0) if self.answers else self.answer

    def of(self, payment_id: str) -> Sequence[Received]:
        """The notifications of a payment so far."""
        return [one for one in list(self.requests) if one.data["payment_intent_id"] == payment_id]

    def wait_for(self, payment_id: str, count: int = 1) -> Sequence[Received]:
        """The notifications of a payment, as soon as there are `count`."""
        until(lambda: len(self.of(payment_id)) >= count, f"{count} notifications of {payment_id}")
        return self.of(payment_id)


def _handler_of(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = receiver.record(Received(self.path, headers, body))
            answer.before()
            if answer.status == 0:
                self.close_connection = True
                return
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(answer.body)))
            self.end_headers()
            answer.before_body()
            with suppress(OSError):  # the notifier has read enough
                self.wfile.write(answer.body)

        def log_message(self, *_: object) -> None:
            """Prints nothing."""

    return Handler
