"""Verifies the signature and the age of Stripe's deliveries; the clock and the secrets are arguments."""

from collections.abc import Mapping, Sequence

from stripe import SignatureVerificationError, WebhookSignature

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

    The official package verifies the signature. It takes the body as text and accepts timestamps in the future, so
    the tolerance is checked here. Raises InvalidSignatureError.
    """
    if not header:
        raise InvalidSignatureError("no_header")
    if header.count(",") > SIGNATURE_LIMIT:
        raise InvalidSignatureError("too_many_signatures")
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise InvalidSignatureError("truncated" if error.reason == "unexpected end of data" else "not_utf8") from None
    for index, secret in enumerate(secrets):
        if matches(text, header, secret):
            return index, _within_tolerance(header, now)
    raise InvalidSignatureError(_reason(header))


def matches(text: str, header: str, secret: str) -> bool:
    """Whether one of the header's signatures is valid for this text and secret, at any age."""
    try:
        return bool(WebhookSignature.verify_header(text, header, secret, tolerance=None))
    except (SignatureVerificationError, ValueError, TypeError):
        return False


def signatures(header: str) -> tuple[int, list[str]]:
    """The timestamp and the `v1` signatures of a header that `verify` rejected because no secret matches."""
    return _timestamp(header), [pair[1] for pair in _pairs(header) if pair[0] == "v1" and len(pair) > 1]


def _within_tolerance(header: str, now: float) -> int:
    signed_at = _timestamp(header)
    if signed_at < now - TOLERANCE_SECONDS:
        raise InvalidSignatureError("too_old", now - signed_at)
    if signed_at > now + TOLERANCE_SECONDS:
        raise InvalidSignatureError("in_future", now - signed_at)
    return signed_at


def _timestamp(header: str) -> int:
    """The timestamp that was signed: the first `t=`, parsed exactly as the official package parses it.

    Parsed differently, a header with two timestamps could pass as new here while the package verifies the old one.
    """
    try:
        if header.startswith("t="):  # as Stripe sends it; the other items need not be parsed
            return int(header.partition(",")[0].split("=", 2)[1])
        return int(next(pair[1] for pair in _pairs(header) if pair[0] == "t"))
    except (StopIteration, IndexError, ValueError):
        raise InvalidSignatureError("no_timestamp") from None


def _reason(header: str) -> str:
    """The reason why no secret matches; called only after the official package rejected the signature."""
    _timestamp(header)
    return NO_MATCH if any(pair[0] == "v1" for pair in _pairs(header)) else "no_v1"


def _pairs(header: str) -> list[list[str]]:
    return [item.split("=", 2) for item in header.split(",")]
