"""A proxy that inspects TLS, as companies have: it answers for every host, with a certificate of its own CA."""

import shutil
import ssl
import subprocess
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest


def create_certificate(folder: Path, host: str) -> Path:
    """Writes a certificate for the host, which is its own CA, and its key into one file."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl (Debian: apt install openssl)")
    path = folder / "ca.pem"
    kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"]
    subject = ["-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}"]
    files = ["-keyout", str(path), "-out", str(folder / "certificate.pem")]
    subprocess.run(["openssl", "req", *kind, *subject, *files], check=True, capture_output=True)
    path.write_text(path.read_text() + (folder / "certificate.pem").read_text())
    return path


class TlsProxy(BaseHTTPRequestHandler):
    """Ends the TLS connection itself and answers with a file by the last part of the path."""

    protocol_version = "HTTP/1.1"
    certificate: ClassVar[Path]
    files: ClassVar[Mapping[str, bytes]]

    def do_CONNECT(self) -> None:
        self.send_response(200)
        self.end_headers()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate)
        try:
            self.connection = context.wrap_socket(self.connection, server_side=True)
        except OSError:  # the client does not trust the certificate
            return
        self.close_connection = False
        self.rfile = self.connection.makefile("rb", -1)
        self.wfile = self.connection.makefile("wb", 0)

    def do_GET(self) -> None:
        content = self.files.get(self.path.rpartition("/")[2])
        self.send_response(200 if content else 404)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        self.wfile.write(content or b"")

    def finish(self) -> None:
        super().finish()
        self.connection.close()

    def log_message(self, format: str, *args: object) -> None:
        """Prints nothing."""


def tls_proxy(certificate: Path, files: Mapping[str, bytes]) -> ThreadingHTTPServer:
    """A proxy on a free port of this machine."""
    members = {"certificate": certificate, "files": files}
    return ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (TlsProxy,), members))
