"""Sends the batch call over TLS, and checks the certificate and the signature."""

import asyncio
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import CredentialProvider, CredentialResolver, ReadOnlyCredentials, RefreshableCredentials
from botocore.exceptions import BotoCoreError
from botocore.session import Session

from lea_payments.store.batch.call import BatchCall
from tests.support.http_server import BackgroundServer

REGION = "ap-southeast-1"
KEY_ID, KEY, TOKEN = "AKIDEXAMPLE", "the secret key", "the session token"
STATEMENTS = [('UPDATE "t" SET a=? WHERE payment_intent_id=?', [{"S": "ü"}, {"S": "payment_1"}])]


class Received(NamedTuple):
    """One request that the server received."""

    path: str
    headers: dict[str, str]
    body: bytes


class Aws(NamedTuple):
    """A server with a self-signed certificate, and the requests that it received."""

    url: str
    authority: Path
    received: list[Received]


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[Aws]:
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl to make a certificate: apt-get install openssl")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subject = ("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1")
    kind = ("-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-days", "2")
    files = ("-keyout", str(key), "-out", str(certificate))
    subprocess.run(["openssl", "req", *kind, *subject, *files], check=True, capture_output=True)
    received: list[Received] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append(Received(self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            answer = b'{"Responses":[{"TableName":"t"}]}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    with BackgroundServer(server):
        yield Aws(f"https://127.0.0.1:{server.server_port}", certificate, received)


def _session(trusted: Path | None) -> Session:
    session = Session()
    session.set_credentials(KEY_ID, KEY, TOKEN)
    if trusted is not None:
        session.set_config_variable("ca_bundle", str(trusted))
    return session


async def _call(url: str, session: Session) -> list[dict[str, object]]:
    call = BatchCall(url, REGION, session)
    try:
        return await call(STATEMENTS)
    finally:
        await call.close()


def _signature(request: Received, url: str) -> str:
    """The signature that a server with the same key computes for this request."""
    signed = request.headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    again = AWSRequest("POST", url + request.path, {name: request.headers[name] for name in signed}, request.body)
    again.context["timestamp"] = request.headers["x-amz-date"]
    signer = SigV4Auth(ReadOnlyCredentials(KEY_ID, KEY, TOKEN), "dynamodb", REGION)
    return signer.signature(signer.string_to_sign(again, signer.canonical_request(again)), again)


async def test_a_request_over_tls_has_the_signature_of_its_bytes(aws: Aws) -> None:
    responses = await _call(aws.url, _session(aws.authority))

    [request] = aws.received
    assert responses == [{"TableName": "t"}]
    assert request.headers["authorization"].rpartition("Signature=")[2] == _signature(request, aws.url)
    assert request.headers["x-amz-security-token"] == TOKEN
    assert "host" in request.headers["authorization"]


async def test_a_server_with_an_unknown_certificate_gets_nothing(aws: Aws) -> None:
    with pytest.raises(BotoCoreError, match="certificate"):
        await _call(aws.url, _session(None))

    assert aws.received == []


async def test_a_roles_credentials_are_refreshed_off_the_loop(aws: Aws) -> None:
    threads: list[threading.Thread] = []

    def fetch() -> dict[str, str]:
        threads.append(threading.current_thread())
        later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        return {"access_key": KEY_ID, "secret_key": KEY, "token": "next", "expiry_time": later}

    class Role(CredentialProvider):
        def load(self) -> RefreshableCredentials:
            expired_at = datetime.now(UTC) - timedelta(minutes=1)
            return RefreshableCredentials("old", "old", "old", expired_at, fetch, "role")

    session = Session()
    session.set_config_variable("ca_bundle", str(aws.authority))
    session.register_component("credential_provider", CredentialResolver([Role()]))
    call = BatchCall(aws.url, REGION, session)
    await asyncio.gather(call(STATEMENTS), call(STATEMENTS))
    await call.close()

    assert [thread is threading.main_thread() for thread in threads] == [False]
    assert [request.headers["x-amz-security-token"] for request in aws.received] == ["next", "next"]


async def test_a_refresh_that_hangs_keeps_valid_credentials_in_use(aws: Aws) -> None:
    """The first call fails within the time of a try; the next one has the present credentials."""
    release = threading.Event()

    def fetch() -> dict[str, str]:
        release.wait(60)
        return {}

    class Role(CredentialProvider):
        def load(self) -> RefreshableCredentials:
            soon = datetime.now(UTC) + timedelta(minutes=13)  # botocore refreshes 15 minutes before the end
            return RefreshableCredentials(KEY_ID, KEY, "present", soon, fetch, "role")

    session = Session()
    session.set_config_variable("ca_bundle", str(aws.authority))
    session.register_component("credential_provider", CredentialResolver([Role()]))
    call = BatchCall(aws.url, REGION, session)
    try:
        with pytest.raises(BotoCoreError):
            await call(STATEMENTS)
        await call(STATEMENTS)
    finally:
        release.set()
        await call.close()

    assert [request.headers["x-amz-security-token"] for request in aws.received] == ["present"]
