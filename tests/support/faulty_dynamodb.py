"""A DynamoDB that fails when told to: an HTTP proxy before a real one, which damages calls, answers and connections."""

import json
import socket
import threading
import time
from collections.abc import Callable, Mapping
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit
from zlib import crc32

HOLD_SECONDS = 20


class Call(NamedTuple):
    """One call of a client; `operation` is DynamoDB's name for it."""

    operation: str
    body: bytes
    headers: dict[str, str]

    @property
    def statements(self) -> list[dict[str, Any]]:
        """The statements of a BatchExecuteStatement."""
        found: list[dict[str, Any]] = json.loads(self.body)["Statements"]
        return found

    def carrying(self, statements: list[dict[str, Any]]) -> "Call":
        """The same call with these statements alone."""
        return self._replace(body=json.dumps({"Statements": statements}).encode())


class Answer(NamedTuple):
    """What the client gets; after `cut` bytes of the body, the connection ends; status 0 is no word at all."""

    status: int
    body: bytes
    cut: int | None = None


Forward = Callable[[Call], Answer]
Fault = Callable[[Call, Forward], Answer]
"""Answers a call in DynamoDB's place; may hand it on, or a part of it, or nothing."""


def healthy(call: Call, forward: Forward) -> Answer:
    return forward(call)


def late(seconds: float) -> Fault:
    """Does what is asked at once, and is slow to say so."""

    def fault(call: Call, forward: Forward) -> Answer:
        answer = forward(call)
        time.sleep(seconds)
        return answer

    return fault


def slow(seconds: float) -> Fault:
    """Takes its time, but not too much: writes gather behind the one that is on its way."""

    def fault(call: Call, forward: Forward) -> Answer:
        time.sleep(seconds)
        return forward(call)

    return fault


class Held:
    """Keeps every batch of writes waiting until `let_go`, and then does it, whether or not somebody still waits.

    `arrived` counts the batches that wait, `done` those that were let go.
    """

    def __init__(self) -> None:
        self._free = threading.Event()
        self.arrived = 0
        self.done = 0

    def __call__(self, call: Call, forward: Forward) -> Answer:
        if call.operation != "BatchExecuteStatement":
            return forward(call)
        self.arrived += 1
        self._free.wait(HOLD_SECONDS)
        answer = forward(call)
        self.done += 1
        return answer

    def let_go(self) -> None:
        """Lets all of them go on."""
        self._free.set()


def cut_off(call: Call, forward: Forward) -> Answer:
    """Does what is asked, and hangs up in the middle of saying so."""
    answer = forward(call)
    return answer._replace(cut=len(answer.body) // 2)


def once(fault: Fault) -> Fault:
    """Has this trouble with the first batch of writes alone."""
    left = iter([fault])

    def first(call: Call, forward: Forward) -> Answer:
        return next(left, healthy)(call, forward) if call.operation == "BatchExecuteStatement" else forward(call)

    return first


def hanging_up(call: Call, forward: Forward) -> Answer:
    """Does nothing, and hangs up without a word."""
    del call, forward
    return Answer(0, b"", cut=0)


def refusing(status: int, code: str) -> Fault:
    """Does nothing and answers every call with this error."""
    body = json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "not now"}).encode()
    return lambda _call, _forward: Answer(status, body)


def answering(status: int, body: bytes) -> Fault:
    """Does nothing and answers every call with these bytes, as a proxy on the way might."""
    return lambda _call, _forward: Answer(status, body)


def payment_of(statement: Mapping[str, Any]) -> str:
    """The payment that a statement is for; tests call theirs `payment_…`."""
    texts = [str(parameter.get("S")) for parameter in statement["Parameters"]]
    return next(text for text in texts if text.startswith("payment_"))


class RefusedStatements:
    """Refuses each of these payments' statements so many times, with this code, and does all others."""

    def __init__(self, code: str, left: Mapping[str, int]) -> None:
        self._code = code
        self.left = dict(left)
        self.mixed_batches = 0

    def __call__(self, call: Call, forward: Forward) -> Answer:
        if call.operation != "BatchExecuteStatement":
            return forward(call)
        refused = [self._refuses(payment_of(statement)) for statement in call.statements]
        passed = [one for one, no in zip(call.statements, refused, strict=True) if not no]
        done = iter(json.loads(forward(call.carrying(passed)).body)["Responses"] if passed else ())
        self.mixed_batches += bool(passed) and any(refused)
        error = {"Error": {"Code": self._code, "Message": "not now"}}
        return Answer(200, json.dumps({"Responses": [error if no else next(done) for no in refused]}).encode())

    def _refuses(self, payment_id: str) -> bool:
        # Never in two batches at once, so nobody counts beside us.
        self.left[payment_id] = self.left.get(payment_id, 0) - 1
        return self.left[payment_id] >= 0


class FaultyDynamoDB:
    """The proxy. `fault` is in force for every call that arrives while it is set; `calls` are all that arrived."""

    def __init__(self, endpoint: str, port: int) -> None:
        self.endpoint = f"http://127.0.0.1:{port}"
        self.fault: Fault = healthy
        self.calls: list[Call] = []
        self._behind = urlsplit(endpoint).netloc
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

    def start(self) -> None:
        """Listens, again if need be."""
        self._server = _Server(self._port, self)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def stop(self) -> None:
        """Hangs up on everybody and refuses new connections, as when no process listens; harmless when it does not."""
        if self._server and self._thread:
            self._server.shutdown()
            self._server.hang_up()
            self._server.server_close()
            self._thread.join()
        self._server = self._thread = None

    def answer(self, call: Call) -> Answer:
        """What the client gets."""
        self.calls.append(call)
        return self.fault(call, self._forward)

    def _forward(self, call: Call) -> Answer:
        connection = HTTPConnection(self._behind, timeout=20)
        try:
            connection.request("POST", "/", call.body, call.headers)
            response = connection.getresponse()
            return Answer(response.status, response.read())
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
        """A client that has gone, or that we hung up on, is no error of the proxy's."""

    def hang_up(self) -> None:
        for connection in [*self._open]:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet, or the client waits 40 ms for the second
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        kept = {name: self.headers[name] for name in ("Content-Type", "X-Amz-Target", "X-Amz-Date", "Authorization")}
        operation = self.headers["X-Amz-Target"].rpartition(".")[2]
        answer = self.server.proxy.answer(Call(operation, body, kept))
        self.close_connection = answer.cut is not None
        if not answer.status:
            return
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("x-amz-crc32", str(crc32(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body[: answer.cut])
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""
