"""Runs a server in the place of Stripe that gives the same answer to every request."""

from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.attack.markers import API_KEY
from tests.support.http_server import BackgroundServer


class FalseStripe(BackgroundServer):
    """Answers 200 with this body; `requests` counts the answers."""

    def __init__(self, port: int, body: str) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.body = body.encode()
        self.requests = 0
        super().__init__(_Server(port, self))

    @property
    def settings(self) -> Mapping[str, str]:
        """The variables of a command that calls this server."""
        return {"STRIPE_SECRET_KEY": API_KEY, "STRIPE_API_BASE": self.url, "METRICS_PORT": "0"}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int, stripe: FalseStripe) -> None:
        self.stripe = stripe
        super().__init__(("127.0.0.1", port), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self.do_POST()

    def do_POST(self) -> None:
        stripe = self.server.stripe
        stripe.requests += 1
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(stripe.body)))
        self.end_headers()
        self.wfile.write(stripe.body)

    def log_message(self, format: str, *args: Any) -> None:
        """Writes no log."""
