"""Issues temporary credentials of roles, as AWS STS does, and checks the signatures of calls with them."""

import secrets
import threading
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

VALID_SECONDS = 30
"""How long credentials work."""

MARGIN_SECONDS = 15 * 60
"""How long before the end botocore asks for new credentials."""

ANNOUNCED_SECONDS = MARGIN_SECONDS + VALID_SECONDS / 2
"""The lifetime that is announced. It makes botocore ask for new credentials in the middle of the real one."""


class CallError(Exception):
    """A call that AWS refuses, with the code of its answer."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Issued(NamedTuple):
    """Credentials of a role, and when they end."""

    role: str
    credentials: Credentials
    ends_at: float

    def announced_end(self) -> str:
        """The end that the client learns."""
        at = self.ends_at - VALID_SECONDS + ANNOUNCED_SECONDS
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Issuer:
    """The credentials that were issued, and how many each role has got."""

    def __init__(self, region: str) -> None:
        self.counts: Counter[str] = Counter()
        self._region = region
        self._issued: dict[str, Issued] = {}
        self._lock = threading.Lock()

    def issue(self, role: str, now: float) -> Issued:
        """New credentials of a role. `now` is in seconds since 1970."""
        key = f"ASIA{secrets.token_hex(8).upper()}"
        credentials = Credentials(key, secrets.token_hex(20), secrets.token_hex(40))
        issued = Issued(role, credentials, now + VALID_SECONDS)
        with self._lock:
            self._issued[key] = issued
            self.counts[role] += 1
        return issued

    def role_of(self, method: str, url: str, headers: Mapping[str, str], body: bytes, now: float) -> str:
        """The role that has signed the call. Raises CallError if the credentials or the signature are not valid."""
        lower = {name.lower(): value for name, value in headers.items()}
        algorithm, _, fields = lower.get("authorization", "").partition(" ")
        parts = dict(part.strip().partition("=")[::2] for part in fields.split(","))
        if algorithm != "AWS4-HMAC-SHA256" or set(parts) != {"Credential", "SignedHeaders", "Signature"}:
            raise CallError("MissingAuthenticationTokenException", "the call is not signed")
        issued = self._issued.get(parts["Credential"].partition("/")[0])
        if issued is None or lower.get("x-amz-security-token") != issued.credentials.token:
            raise CallError("UnrecognizedClientException", "The security token included in the request is invalid.")
        if now >= issued.ends_at:
            raise CallError("ExpiredTokenException", "The security token included in the request is expired")
        signed = {name: lower.get(name, "") for name in parts["SignedHeaders"].split(";")}
        if self._signature(issued.credentials, AWSRequest(method, url, signed, body)) != parts["Signature"]:
            raise CallError("InvalidSignatureException", "The request signature does not match")
        return issued.role

    def _signature(self, credentials: Credentials, request: AWSRequest) -> str:
        """The signature that botocore computes for a request with these headers."""
        auth = SigV4Auth(credentials, "dynamodb", self._region)
        request.context["timestamp"] = request.headers["X-Amz-Date"]
        return str(auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request))
