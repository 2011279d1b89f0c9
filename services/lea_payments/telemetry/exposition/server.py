"""Serves /metrics on a port of its own, with limits for everything that a stranger can ask of it."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterable
from io import BytesIO
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

CONNECTIONS, SECONDS, HEAD_BYTES = 16, 10, 8192
"""How many connections the metrics port keeps open at the same time, and the limits of time and size for each head."""

PAUSE_SECONDS = 0.2
"""The least pause between two answers of the metrics port. One takes up to 30 ms of CPU, so all take at most 13 %."""


def start(host: str, port: int, registry: CollectorRegistry) -> None:
    """Starts the server. Raises OSError if the port is in use."""
    server = _MetricsServer(host, port, make_wsgi_app(registry))
    threading.Thread(target=server.serve_forever, daemon=True).start()


class _MetricsServer(ThreadingWSGIServer):
    """Answers a limited number of connections, each in a thread that ends with the process.

    The newest connection comes first, and the oldest one makes room: a scrape takes a moment, so Prometheus is neither,
    unless more than 16 connections arrive while one answer is made.
    """

    request_queue_size = 64

    def __init__(self, host: str, port: int, app: WSGIApplication) -> None:
        self._app = app
        self._open: dict[socket.socket, None] = {}
        self._waiting: list[socket.socket] = []
        self._turn = threading.Condition()
        self._is_answering = False
        self._free_at = 0.0
        self.address_family = socket.getaddrinfo(host or None, port, flags=socket.AI_PASSIVE)[0][0]
        super().__init__((host, port), _MetricsHandler)
        self.set_app(self._answer)

    def get_request(self) -> tuple[Any, Any]:
        """Accepts a connection. Without a free file, it waits instead of trying again at once."""
        try:
            return super().get_request()
        except OSError:
            time.sleep(0.1)
            raise

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answers a connection, and closes the oldest one if there are too many."""
        with self._turn:
            if len(self._open) >= CONNECTIONS:
                oldest = next(iter(self._open))
                del self._open[oldest]
                with contextlib.suppress(OSError):
                    oldest.shutdown(socket.SHUT_RDWR)
                self._turn.notify_all()
            self._open[request] = None
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Closes a connection."""
        with self._turn:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignores a connection that broke: a traceback on standard error helps nobody."""

    def _answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """One answer at a time and a pause between two: many scrapers take a bounded share of the process's time."""
        self._wait_for_turn(environ[_CONNECTION])
        try:
            time.sleep(max(0.0, self._free_at - time.monotonic()))
            return self._app(environ, start_response)
        finally:
            with self._turn:
                self._free_at = time.monotonic() + PAUSE_SECONDS
                self._is_answering = False
                self._turn.notify_all()

    def _wait_for_turn(self, connection: socket.socket) -> None:
        """Returns when it is the connection's turn. Raises ConnectionAbortedError if it was closed before."""
        with self._turn:
            self._waiting.append(connection)
            self._turn.wait_for(
                lambda: connection not in self._open or (not self._is_answering and self._waiting[-1] is connection)
            )
            self._waiting.remove(connection)
            if connection not in self._open:
                self._turn.notify_all()
                raise ConnectionAbortedError
            self._is_answering = True


_CONNECTION = "lea.connection"
"""The name under which a request to the metrics port has its connection."""


class _MetricsHandler(WSGIRequestHandler):
    timeout = SECONDS

    def setup(self) -> None:
        """Reads the head with limits for all of it. Raises OSError if it exceeds them."""
        super().setup()
        self.rfile = BytesIO(_head_from(self.request))
        self.request.settimeout(SECONDS)

    def get_environ(self) -> dict[str, Any]:
        """Adds the connection."""
        return {**super().get_environ(), _CONNECTION: self.request}

    def log_message(self, *_: object) -> None:
        """Logs no requests."""


def _head_from(connection: socket.socket) -> bytes:
    end = time.monotonic() + SECONDS
    head = b""
    while b"\r\n\r\n" not in head:
        connection.settimeout(max(end - time.monotonic(), 0.001))
        piece = connection.recv(HEAD_BYTES)
        head += piece
        if not piece or len(head) > HEAD_BYTES:
            raise ConnectionAbortedError
    return head
