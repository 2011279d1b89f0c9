"""Runs a server in the place of Stripe whose responses cannot be read and contain a customer's data."""

import gzip
import itertools
import json
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from tests.support.http_server import BackgroundServer

EMAIL, NAME = "mei.ling@example.com", "Mei Ling Marker"
PERSON = {"customer_details": {"email": EMAIL, "name": NAME}}
_PAGE = json.dumps({"data": [PERSON], "has_more": False}).encode()


class OddResponse(NamedTuple):
    """One response; `missing` is the number of bytes that are announced and not sent."""

    body: bytes
    headers: Mapping[str, str] = {}
    missing: int = 0
    status: int = 200


ODD_RESPONSES = {
    "truncated": OddResponse(_PAGE[:-9]),
    "html": OddResponse(f"<html>{EMAIL} {NAME}</html>".encode()),
    "empty": OddResponse(b""),
    "huge": OddResponse(_PAGE + b" " * (9 * 1024 * 1024)),
    "wrong types": OddResponse(json.dumps({"data": {"0": PERSON}, "has_more": EMAIL, "id": [EMAIL]}).encode()),
    "list": OddResponse(json.dumps([PERSON, EMAIL]).encode()),
    "text": OddResponse(json.dumps(f"{EMAIL} {NAME}").encode()),
    "gzip garbage": OddResponse(_PAGE, {"Content-Encoding": "gzip"}),
    "gzip cut off": OddResponse(gzip.compress(_PAGE * 50)[:-20], {"Content-Encoding": "gzip"}),
    "closed half-way": OddResponse(_PAGE[:60], missing=500),
    "not utf-8": OddResponse(b"\xff\xfe" + _PAGE),
    "html of a proxy": OddResponse(f"<html>{EMAIL} {NAME}</html>".encode(), status=502),
}


class OddStripe(BackgroundServer):
    """Sends these responses in turn, whatever the request; `sent` is their number.

    `keys` are the idempotency keys of the requests that create an object.
    """

    def __init__(self, port: int, *responses: OddResponse) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.responses = itertools.cycle(responses)
        self.sent = 0
        self.keys: list[str] = []
        super().__init__(_Server(port, self))


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int, stripe: OddStripe) -> None:
        self.stripe = stripe
        super().__init__(("127.0.0.1", port), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignores a client that closes the connection, as after a body that is too long."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self.server.stripe.sent += 1
        response = next(self.server.stripe.responses)
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(response.body) + response.missing))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(response.body)
        self.close_connection = True

    def do_POST(self) -> None:
        """Answers the creation of an object."""
        self.server.stripe.keys.append(self.headers["Idempotency-Key"])
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.do_GET()

    def log_message(self, format: str, *args: Any) -> None:
        """Writes no log."""
