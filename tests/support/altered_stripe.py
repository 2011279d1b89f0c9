"""A Stripe that is a little off: an HTTP proxy before the emulator, with another clock or other words in answers."""

import http.client
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tests.support.served import Served

if TYPE_CHECKING:
    from collections.abc import Callable


class AlteredStripe(Served):
    """The proxy. `ahead` is how many seconds its clock differs, `alter` changes the answers' bodies.

    `refused` is a path that is answered 403."""

    def __init__(self, emulator: str, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.behind = urlsplit(emulator).netloc
        self.ahead = 0.0
        self.alter: Callable[[bytes], bytes] = bytes
        self.refused = "/nothing"
        self.methods: list[str] = []
        super().__init__(_Server(port, self))


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int, stripe: AlteredStripe) -> None:
        self.stripe = stripe
        super().__init__(("127.0.0.1", port), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        stripe = self.server.stripe
        stripe.methods.append(self.command)
        connection = http.client.HTTPConnection(stripe.behind, timeout=20)
        connection.request("GET", self.path, headers={"Authorization": self.headers["Authorization"]})
        response = connection.getresponse()
        body = stripe.alter(response.read())
        connection.close()
        self.send_response_only(403 if self.path.startswith(stripe.refused) else response.status)
        self.send_header("Date", formatdate(time.time() + stripe.ahead, usegmt=True))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        """A write, which nobody should try."""
        self.do_GET()

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""
