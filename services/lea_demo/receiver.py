"""Receives the demo's notifications, in place of the system of a customer of ours."""

from base64 import b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from secrets import token_bytes
from threading import Thread
from types import TracebackType
from typing import NamedTuple, Self

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

LONGEST_BODY = 65_536
STOP_SECONDS = 0.1
"""How long a stop takes at most."""


class Endpoint(NamedTuple):
    """Where notifications are sent, and the secret that signs them."""

    url: str
    secret: str


class Receiver:
    """Answers 204 to each notification with a valid signature, on a free port and with a new secret."""

    def __init__(self) -> None:
        secret = f"whsec_{b64encode(token_bytes(32)).decode()}"
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(Webhook(secret)))
        self.endpoint = Endpoint(f"http://127.0.0.1:{self._server.server_address[1]}/", secret)

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, args=(STOP_SECONDS,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(webhook: Webhook) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            body = self.rfile.read(min(int(length), LONGEST_BODY) if length.isdecimal() else 0)
            try:
                webhook.verify(body, dict(self.headers))
            except WebhookVerificationError:
                self.send_response(400)
            else:
                self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Writes nothing: the notifier reports each notification."""

    return Handler
