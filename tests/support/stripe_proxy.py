"""Runs an HTTP proxy in front of the emulator that changes its clock, bodies and status codes."""

import http.client
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tests.support.http_server import BackgroundServer

if TYPE_CHECKING:
    from collections.abc import Callable


class StripeProxy(BackgroundServer):
    """The proxy; `methods` records the HTTP method of each request.

    `clock_offset` is added to its clock, in seconds; `change_body` changes the bodies of the responses; paths that
    start with `forbidden_path` are a 403.
    """

    def __init__(self, emulator: str, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.target = urlsplit(emulator).netloc
        self.clock_offset = 0.0
        self.change_body: Callable[[bytes], bytes] = bytes
        self.forbidden_path = "/nothing"
        self.methods: list[str] = []
        super().__init__(_Server(port, self))


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int, proxy: StripeProxy) -> None:
        self.proxy = proxy
        super().__init__(("127.0.0.1", port), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        proxy = self.server.proxy
        proxy.methods.append(self.command)
        connection = http.client.HTTPConnection(proxy.target, timeout=20)
        connection.request("GET", self.path, headers={"Authorization": self.headers["Authorization"]})
        response = connection.getresponse()
        body = proxy.change_body(response.read())
        connection.close()
        self.send_response_only(403 if self.path.startswith(proxy.forbidden_path) else response.status)
        self.send_header("Date", formatdate(time.time() + proxy.clock_offset, usegmt=True))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        """Records a write, which the tests do not expect."""
        self.do_GET()

    def log_message(self, format: str, *args: Any) -> None:
        """Writes no log."""
