"""Whether a delivery is Stripe's: its signature and its age; pure, the clock and the secrets are arguments."""

from collections.abc import Sequence

from stripe import SignatureVerificationError, WebhookSignature

from lea_payments.refusals import InvalidSignature

TOLERANCE_SECONDS = 300
"""How old, or how far in the future, a signature may be; Stripe's own default (docs.stripe.com/webhooks)."""

SIGNATURE_REASONS = ("no_header", "no_timestamp", "no_v1", "no_match", "too_old", "in_future", "not_utf8")


def verify(body: bytes, header: str | None, *, secrets: Sequence[str], now: float) -> tuple[int, int]:
    """Which of the secrets signed the body, and when (seconds since 1970); raises InvalidSignature.

    The check itself is the official package's, which takes the body as text and knows nothing of a future.
    """
    if not header:
        raise InvalidSignature("no_header")
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise InvalidSignature("not_utf8") from None
    for index, secret in enumerate(secrets):
        try:
            WebhookSignature.verify_header(text, header, secret, tolerance=None)
        except (SignatureVerificationError, ValueError, TypeError):
            continue
        return index, _within_tolerance(header, now)
    raise InvalidSignature(_reason(header))


def _within_tolerance(header: str, now: float) -> int:
    signed_at = _timestamp(header)
    if signed_at < now - TOLERANCE_SECONDS:
        raise InvalidSignature("too_old", now - signed_at)
    if signed_at > now + TOLERANCE_SECONDS:
        raise InvalidSignature("in_future", now - signed_at)
    return signed_at


def _timestamp(header: str) -> int:
    """The timestamp that was signed: the first `t=`, read just as the official check reads it.

    Read in any other way, a header with two of them could show the check an old one and us a new one.
    """
    try:
        return int(next(pair[1] for pair in _pairs(header) if pair[0] == "t"))
    except (StopIteration, IndexError, ValueError):
        raise InvalidSignature("no_timestamp") from None


def _reason(header: str) -> str:
    """Why no secret fits, for people; reached only after the official check has refused."""
    _timestamp(header)
    return "no_match" if any(pair[0] == "v1" for pair in _pairs(header)) else "no_v1"


def _pairs(header: str) -> list[list[str]]:
    return [item.split("=", 2) for item in header.split(",")]
