"""Runs an HTTP proxy in front of DynamoDB that injects faults."""

import socket
import threading
import time
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit
from zlib import crc32

from tests.support.dynamodb_faults import Call, CallResponse, Fault, healthy


class FaultyDynamoDB:
    """The proxy. `fault` applies to every call that arrives; `calls` records them all, `seconds` how long they took."""

    def __init__(self, endpoint: str, port: int) -> None:
        self.endpoint = f"http://127.0.0.1:{port}"
        self.fault: Fault = healthy
        self.calls: list[Call] = []
        self.seconds: list[float] = []
        self._target = urlsplit(endpoint).netloc
        self._port = port
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def aws_environment(self) -> dict[str, str]:
        """The environment variables that send a client of DynamoDB on AWS to the proxy."""
        keys = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}
        return keys | {"DDB_ENDPOINT": "", "AWS_ENDPOINT_URL_DYNAMODB": self.endpoint}

    def start(self) -> None:
        """Starts to listen, also after `stop`."""
        self._server = _Server(self._port, self)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def stop(self) -> None:
        """Closes all connections and refuses new ones, as if no process listened. Harmless if it is not running."""
        if self._server and self._thread:
            self._server.shutdown()
            self._server.close_connections()
            self._server.server_close()
            self._thread.join()
        self._server = self._thread = None

    def respond(self, call: Call) -> CallResponse:
        """Records the call and returns the response with the current fault."""
        self.calls.append(call)
        started = time.monotonic()
        try:
            return self.fault(call, self._forward)
        finally:
            self.seconds.append(time.monotonic() - started)

    def _forward(self, call: Call) -> CallResponse:
        connection = HTTPConnection(self._target, timeout=20)
        try:
            connection.request("POST", "/", call.body, call.headers)
            response = connection.getresponse()
            return CallResponse(response.status, response.read())
        finally:
            connection.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, port: int, proxy: FaultyDynamoDB) -> None:
        self.proxy = proxy
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignores closed connections: the tests close them on purpose."""

    def close_connections(self) -> None:
        for connection in [*self._open]:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # sends head and body in one packet: otherwise the client waits 40 ms for the second
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        names = ("Content-Type", "X-Amz-Target", "X-Amz-Date", "Authorization")
        headers = {name: self.headers[name] for name in names}
        operation = self.headers["X-Amz-Target"].rpartition(".")[2]
        response = self.server.proxy.respond(Call(operation, body, headers, self.client_address[1]))
        self.close_connection = response.cut is not None
        if not response.status:
            return
        self.send_response(response.status)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(response.body)))
        self.send_header("x-amz-crc32", str(crc32(response.body)))
        self.end_headers()
        self.wfile.write(response.body[: response.cut])
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """Writes no log."""
