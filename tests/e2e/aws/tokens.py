"""Checks the tokens of ServiceAccounts as AWS STS does: signature, issuer, audience and expiry."""

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

AUDIENCE = "sts.amazonaws.com"
_SHA256 = bytes.fromhex("3031300d060960864801650304020105000420")
"""What stands before a SHA-256 hash in an RSA signature (RFC 8017, section 9.2)."""


class TokenError(Exception):
    """A token that STS refuses, with the code of its answer."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def trusted_subject(call: Mapping[str, str], keys: Mapping[str, Any], trust: Mapping[str, str], now: float) -> str:
    """The subject of the token in a call of STS, which may assume the role. Raises TokenError."""
    if call.get("Action") != "AssumeRoleWithWebIdentity":
        raise TokenError("InvalidAction", f"{call.get('Action')} is not available")
    role, subject = call.get("RoleArn", ""), subject_of(call.get("WebIdentityToken", ""), keys, now)
    if trust.get(role) != subject:
        raise TokenError("AccessDenied", f"{subject} is not authorized to assume {role}")
    return subject


def subject_of(token: str, keys: Mapping[str, Any], now: float) -> str:
    """The subject of a valid token, `system:serviceaccount:NAMESPACE:NAME`. Raises TokenError."""
    try:
        head, content, signature = token.split(".")
        header, claims = json.loads(_decode(head)), json.loads(_decode(content))
        key = next(key for key in keys["keys"] if key["kid"] == header["kid"])
    except (ValueError, LookupError, StopIteration):
        raise TokenError("InvalidIdentityToken", "the token is not one of this cluster") from None
    if not _is_signed(f"{head}.{content}".encode(), _decode(signature), key):
        raise TokenError("InvalidIdentityToken", "the signature of the token is wrong")
    if AUDIENCE not in claims["aud"]:
        raise TokenError("InvalidIdentityToken", f"the audience of the token is {claims['aud']}")
    if claims["exp"] <= now:
        raise TokenError("ExpiredTokenException", "the token has expired")
    return str(claims["sub"])


def _is_signed(text: bytes, signature: bytes, key: Mapping[str, str]) -> bool:
    """Whether this is the RS256 signature of the text (PKCS #1 v1.5)."""
    modulus, exponent = (int.from_bytes(_decode(key[name])) for name in ("n", "e"))
    size = (modulus.bit_length() + 7) // 8
    end = b"\x00" + _SHA256 + hashlib.sha256(text).digest()
    expected = b"\x00\x01" + b"\xff" * (size - 2 - len(end)) + end
    return pow(int.from_bytes(signature), exponent, modulus).to_bytes(size) == expected


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
