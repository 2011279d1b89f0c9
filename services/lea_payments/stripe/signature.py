"""Verifies the signature and the age of Stripe's deliveries; the clock and the secrets are arguments."""

import hmac
import string
from collections.abc import Mapping, Sequence
from functools import lru_cache

from lea_payments.stripe.errors import InvalidSignatureError

TOLERANCE_SECONDS = 300
"""The largest difference between a signature's time and our clock; Stripe's own default (docs.stripe.com/webhooks)."""

SIGNATURE_LIMIT = 16
"""The largest number of signatures in a header. Stripe sends one or two for each active secret of an endpoint."""

NO_MATCH = "no_match"
REMEDIES: Mapping[str, str] = {
    "no_header": "let every proxy forward the Stripe-Signature header; a request without it is not from Stripe",
    "no_timestamp": "forward the Stripe-Signature header unchanged: it has no t= with a number",
    "no_v1": "forward the Stripe-Signature header unchanged: it has no v1=",
    "too_many_signatures": "forward the Stripe-Signature header unchanged: it has more than "
    f"{SIGNATURE_LIMIT} signatures; Stripe sends one or two for each active secret",
    "wrong_secret": "copy this endpoint's signing secret into STRIPE_WEBHOOK_SECRET: each endpoint, each mode and "
    "`stripe listen` has its own; if the secret is right, a proxy changes the content of bodies",
    "other_mode": "the body's mode differs from STRIPE_LIVEMODE: send each mode to its own webhook service, with that "
    "mode's signing secret",
    "altered_body": "forward bodies byte for byte: a proxy parses the JSON and serializes it again",
    "truncated": "raise the body size limit of the proxy: this body ends in the middle",
    "not_utf8": "forward bodies byte for byte: a proxy changes their character encoding",
    "too_old": "synchronize this machine's clock with NTP; if the clock is right, someone is replaying an old delivery",
    "in_future": "synchronize this machine's clock with NTP: it is behind Stripe's",
    NO_MATCH: "too many invalid signatures arrived at once to diagnose them all: see the other reasons, and "
    "allow only the addresses at docs.stripe.com/ips",
}
"""The reasons why a signature is invalid, each with its remedy."""

SIGNATURE_REASONS = tuple(REMEDIES)


def verify(body: bytes, header: str | None, *, secrets: Sequence[str], now: float) -> tuple[int, int]:
    """The index of the secret that signed the body, and the time of the signature in seconds since 1970.

    The first secret for which `verify_header` of the official package accepts the header, at any age; a test compares
    the two. The age is checked here, because the package accepts timestamps in the future. Raises
    InvalidSignatureError.
    """
    if not header:
        raise InvalidSignatureError("no_header")
    if header.count(",") > SIGNATURE_LIMIT:
        raise InvalidSignatureError("too_many_signatures")
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise InvalidSignatureError("truncated" if error.reason == "unexpected end of data" else "not_utf8") from None
    signed_at, expected = _parsed(header)
    for index, secret in enumerate(secrets):
        if _matches(signed_at, body, secret, expected):
            _check_age(signed_at, now)
            return index, signed_at
    raise InvalidSignatureError(NO_MATCH if expected else "no_v1")


def signatures(header: str) -> tuple[int, list[str]]:
    """The timestamp and the `v1` signatures of a header that `verify` rejected because no secret matches."""
    pairs = _pairs(header)
    return _timestamp(pairs), [pair[1] for pair in pairs if pair[0] == "v1" and len(pair) > 1]


def _parsed(header: str) -> tuple[int, list[str]]:
    """The timestamp that was signed, which is the first `t=`, and the `v1` signatures.

    The official package rejects a header in which any `t` or `v1` has no value, even if another one is valid.
    """
    times: list[str] = []
    expected: list[str] = []
    try:
        for item in header.split(","):
            pair = item.split("=", 2)
            if pair[0] == "v1":
                expected.append(pair[1])
            elif pair[0] == "t":
                times.append(pair[1])
        return int(times[0]), expected
    except (IndexError, ValueError):
        raise InvalidSignatureError(_problem(header)) from None


def _problem(header: str) -> str:
    """The reason why a header cannot be parsed. Raises InvalidSignatureError if it is the timestamp."""
    pairs = _pairs(header)
    _timestamp(pairs)
    return NO_MATCH if any(pair[0] == "v1" for pair in pairs) else "no_v1"


def _matches(signed_at: int, body: bytes, secret: str, expected: Sequence[str]) -> bool:
    """Whether one of the expected signatures is that of the secret. Compares in constant time."""
    keyed = _keyed(secret)
    if keyed is None:
        return False
    signature = keyed.copy()
    signature.update(b"%d." % signed_at)
    signature.update(body)
    actual = signature.hexdigest()
    try:
        for one in expected:
            if hmac.compare_digest(actual, one):
                return True
    except TypeError:
        pass  # this signature is not ASCII; the official package compares none after it
    return False


@lru_cache(maxsize=16)
def _keyed(secret: str) -> hmac.HMAC | None:
    """The hash of a secret before anything is signed; None if anyone can sign with the secret, or nobody.

    A copy of it costs less than a new one: it has hashed the key and looked up the algorithm.
    """
    if not secret.strip(string.whitespace):
        return None
    try:
        return hmac.new(secret.encode(), digestmod="sha256")
    except UnicodeEncodeError:
        return None


def _check_age(signed_at: int, now: float) -> None:
    if signed_at < now - TOLERANCE_SECONDS:
        raise InvalidSignatureError("too_old", now - signed_at)
    if signed_at > now + TOLERANCE_SECONDS:
        raise InvalidSignatureError("in_future", now - signed_at)


def _timestamp(pairs: Sequence[Sequence[str]]) -> int:
    try:
        return int(next(pair[1] for pair in pairs if pair[0] == "t"))
    except (StopIteration, IndexError, ValueError):
        raise InvalidSignatureError("no_timestamp") from None


def _pairs(header: str) -> list[list[str]]:
    """The header's items, split exactly as the official package splits them: more than two parts are possible."""
    return [item.split("=", 2) for item in header.split(",")]
