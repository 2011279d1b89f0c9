"""Stands in for AWS and Stripe in the cluster: STS, DynamoDB and the pod identity webhook of EKS, over TLS.

DynamoDB Local and the Stripe emulator in the same pod do the work. Policies, keys and certificate are files.
"""

import http.client
import json
import os
import ssl
import threading
import time
import urllib.parse
from collections import Counter
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

from tests.e2e.aws import admission, tokens
from tests.e2e.aws.authorization import check_allowed
from tests.e2e.aws.credentials import CallError, Issuer

REGION = os.environ["AWS_REGION"]
FILES = Path(os.environ["STAND_IN_FILES"])
BACKENDS = {"dynamodb": 8000, "stripe": 8087}
"""The ports of the programs in this pod that do the work."""

STS_ANSWER = """<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>
<SessionToken>{token}</SessionToken><Expiration>{end}</Expiration></Credentials>
<SubjectFromWebIdentityToken>{subject}</SubjectFromWebIdentityToken>
<AssumedRoleUser><Arn>{role}</Arn><AssumedRoleId>AROA:stand-in</AssumedRoleId></AssumedRoleUser>
</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"""
STS_ERROR = """<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
<Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"""


class State:
    """What has happened so far, for the tests."""

    def __init__(self) -> None:
        self.issuer = Issuer(REGION)
        self.policies = json.loads((FILES / "policies.json").read_text())
        self.trust = json.loads((FILES / "trust.json").read_text())
        self.keys = json.loads((FILES / "keys.json").read_text())
        self.actions: Counter[str] = Counter()
        self.refusals: list[str] = []
        self._lock = threading.Lock()

    def allow(self, role: str, actions: Mapping[str, int]) -> None:
        with self._lock:
            self.actions.update({f"{role} {action}": count for action, count in actions.items()})

    def refuse(self, who: str, code: str, message: str) -> None:
        with self._lock:
            self.refusals.append(f"{who} {code}: {message}")
        print(who, code, message, flush=True)

    def summary(self) -> Mapping[str, Any]:
        return {"issued": self.issuer.counts, "actions": self.actions, "refusals": self.refusals}


class Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    state: ClassVar[State]

    def setup(self) -> None:
        super().setup()
        self.backend: http.client.HTTPConnection | None = None

    def finish(self) -> None:
        if self.backend is not None:
            self.backend.close()
        super().finish()

    def do_GET(self) -> None:
        if self.path == "/state":
            self.answer(200, json.dumps(self.state.summary()).encode(), "application/json")
        else:
            self.answer_for_host()

    def do_POST(self) -> None:
        if self.path.startswith("/mutate"):
            review = json.loads(self.body())
            review["response"] = admission.review(self.path, review.pop("request"), REGION)
            self.answer(200, json.dumps(review).encode(), "application/json")
        else:
            self.answer_for_host()

    def answer_for_host(self) -> None:
        host = self.headers["Host"]
        if host.startswith("sts."):
            self.assume_role()
        elif host.startswith("dynamodb."):
            self.call_dynamodb()
        else:
            self.forward("stripe", self.body(), dict(self.headers))

    def assume_role(self) -> None:
        call = dict(urllib.parse.parse_qsl(self.body().decode() or urllib.parse.urlsplit(self.path).query))
        role = call.get("RoleArn", "")
        try:
            subject = tokens.trusted_subject(call, self.state.keys, self.state.trust, time.time())
        except tokens.TokenError as error:
            self.state.refuse(role, error.code, str(error))
            self.answer(403, STS_ERROR.format(code=error.code, message=error).encode(), "text/xml")
            return
        issued = self.state.issuer.issue(role, time.time())
        credentials, end = issued.credentials, issued.announced_end()
        fields = {"key": credentials.access_key, "secret": credentials.secret_key, "token": credentials.token}
        self.answer(200, STS_ANSWER.format(**fields, end=end, subject=subject, role=role).encode(), "text/xml")

    def call_dynamodb(self) -> None:
        body, role = self.body(), "unknown"
        operation = self.headers.get("X-Amz-Target", "").partition(".")[2]
        try:
            url = f"https://{self.headers['Host']}{self.path}"
            role = self.state.issuer.role_of(self.command, url, dict(self.headers), body, time.time())
            actions = check_allowed(role, operation, body, self.state.policies)
        except CallError as error:
            self.state.refuse(role, error.code, str(error))
            answer = {"__type": f"com.amazon.coral.service#{error.code}", "message": str(error)}
            self.answer(400, json.dumps(answer).encode(), "application/x-amz-json-1.0")
            return
        self.state.allow(role, Counter(actions))
        if operation == "UpdateContinuousBackups":  # DynamoDB Local does not know it
            recovery = {"PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": "ENABLED"}}
            description = {"ContinuousBackupsDescription": {"ContinuousBackupsStatus": "ENABLED", **recovery}}
            self.answer(200, json.dumps(description).encode(), "application/x-amz-json-1.0")
        else:
            self.forward("dynamodb", body, dict(self.headers))

    def forward(self, name: str, body: bytes, headers: dict[str, str]) -> None:
        if self.backend is None:
            self.backend = http.client.HTTPConnection("127.0.0.1", BACKENDS[name], timeout=30)
        sent = {key: value for key, value in headers.items() if key.lower() not in ("connection", "accept-encoding")}
        self.backend.request(self.command, self.path, body, sent)
        response = self.backend.getresponse()
        content = response.read()
        kind = response.getheader("Content-Type", "application/json")
        others = {"x-amz-crc32", "request-id", "x-amzn-requestid", "stripe-version", "idempotent-replayed"}
        kept = {key: value for key, value in response.getheaders() if key.lower() in others}
        self.answer(response.status, content, kind, kept)

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def answer(self, status: int, content: bytes, kind: str, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Prints nothing."""


class TlsServer(ThreadingHTTPServer):
    """Ends TLS in the thread of each connection."""

    request_queue_size = 128

    def __init__(self, port: int, handler: type[Handler]) -> None:
        super().__init__(("", port), handler)
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.context.load_cert_chain(FILES / "certificate.pem", FILES / "key.pem")

    def finish_request(self, request: Any, client_address: Any) -> None:
        request.settimeout(120)
        super().finish_request(self.context.wrap_socket(request, server_side=True), client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Prints nothing: clients end connections, and probes open them without TLS."""


def main() -> None:
    """Serves TLS on port 443 until the process is ended."""
    Handler.state = State()
    TlsServer(443, Handler).serve_forever()


if __name__ == "__main__":
    main()
