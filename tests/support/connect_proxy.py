"""Runs a forward proxy: it tunnels CONNECT requests, and forwards requests with a complete URL."""

import http.client
import socket
import ssl
import threading
from base64 import b64encode
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.http_server import BackgroundServer


class ConnectProxy(BackgroundServer):
    """The proxy; `requests` are the request lines that it received.

    All tunnels lead to `target`, an address on this machine; with a `certificate` they end in TLS, as at a server. A
    client must send `credentials` if there are some, and with a `refusal` the proxy answers with this status.
    """

    def __init__(self, target: str, certificate: Path | None = None) -> None:
        self.target = urlsplit(target)
        self.credentials = ""
        self.refusal: int | None = None
        self.requests: list[str] = []
        self.tls: ssl.SSLContext | None = None
        if certificate is not None:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(certificate)
        server = _Server(("127.0.0.1", 0), _Handler)
        server.proxy = self
        self.address = f"127.0.0.1:{server.server_port}"
        super().__init__(server)

    @property
    def url(self) -> str:
        """The URL for clients, with the credentials."""
        return f"http://{self.credentials}{'@' * bool(self.credentials)}{self.address}"

    def status_for(self, authorization: str | None) -> int | None:
        """The status with which a request is refused, or None."""
        expected = f"Basic {b64encode(self.credentials.encode()).decode()}" if self.credentials else authorization
        return 407 if authorization != expected else self.refusal


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    proxy: ConnectProxy

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignores closed connections: clients that do not trust the certificate close them."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_CONNECT(self) -> None:
        if self._is_refused():
            return
        self.send_response(200)
        self.end_headers()
        self.close_connection = True
        proxy = self.server.proxy
        client = self.connection
        with suppress(OSError):  # the client does not trust the certificate, or has closed the connection
            if proxy.tls is not None:
                client = self.connection = proxy.tls.wrap_socket(client, server_side=True)
            with socket.create_connection((proxy.target.hostname or "", proxy.target.port or 0)) as server:
                back = threading.Thread(target=_pump, args=(server, client), daemon=True)
                back.start()
                _pump(client, server)
                back.join()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self._is_refused():
            return
        url = urlsplit(self.path)
        connection = http.client.HTTPConnection(url.netloc, timeout=20)
        headers = {name: value for name, value in self.headers.items() if not name.lower().startswith("proxy-")}
        connection.request("POST", url.path or "/", body, headers)
        response = connection.getresponse()
        self._answer(response.status, response.read())
        connection.close()

    def _is_refused(self) -> bool:
        proxy = self.server.proxy
        proxy.requests.append(f"{self.command} {self.path}")
        status = proxy.status_for(self.headers["Proxy-Authorization"])
        if status is not None:
            self._answer(status, b"<html>This is not the server.</html>")
        return status is not None

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def finish(self) -> None:
        with suppress(OSError):
            super().finish()
        self.connection.close()

    def log_message(self, format: str, *args: object) -> None:
        """Prints nothing."""


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for each in (source, target):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
