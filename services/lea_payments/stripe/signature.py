"""Whether a delivery is Stripe's: its signature and its age; pure, the clock and the secrets are arguments."""

from collections.abc import Mapping, Sequence

from stripe import SignatureVerificationError, WebhookSignature

from lea_payments.stripe.errors import InvalidSignatureError

TOLERANCE_SECONDS = 300
"""How old, or how far in the future, a signature may be; Stripe's own default (docs.stripe.com/webhooks)."""

NO_MATCH = "no_match"
REMEDIES: Mapping[str, str] = {
    "no_header": "let the header Stripe-Signature pass every proxy; who does not send it is not Stripe",
    "no_timestamp": "let the header Stripe-Signature pass as it is: it holds no t= with a number",
    "no_v1": "let the header Stripe-Signature pass as it is: it holds no v1=",
    "wrong_secret": "copy this endpoint's own signing secret into STRIPE_WEBHOOK_SECRET: every endpoint, both modes "
    "and `stripe listen` have different ones; if it is right, something on the way changes what bodies say",
    "other_mode": "the body claims the other mode than STRIPE_LIVEMODE: send each mode to a receiver of its own, with "
    "that mode's signing secret",
    "altered_body": "pass bodies through byte for byte: something on the way reads the JSON and writes it anew",
    "truncated": "lift the limit that cuts bodies off on the way: this one ends in the middle",
    "not_utf8": "pass bodies through byte for byte: something on the way changes their character set",
    "too_old": "set the clock of this machine by NTP; if it is right, someone repeats what was signed long ago",
    "in_future": "set the clock of this machine by NTP: it is behind Stripe's",
    NO_MATCH: "so many came at once that not all were examined: see the other reasons, and let in only the addresses "
    "at docs.stripe.com/ips",
}
"""Why a delivery does not prove to be Stripe's, each with what to do about it."""

SIGNATURE_REASONS = tuple(REMEDIES)


def verify(body: bytes, header: str | None, *, secrets: Sequence[str], now: float) -> tuple[int, int]:
    """Which of the secrets signed the body, and when (seconds since 1970); raises InvalidSignatureError.

    The check itself is the official package's, which takes the body as text and knows nothing of a future.
    """
    if not header:
        raise InvalidSignatureError("no_header")
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise InvalidSignatureError("truncated" if error.reason == "unexpected end of data" else "not_utf8") from None
    for index, secret in enumerate(secrets):
        if fits(text, header, secret):
            return index, _within_tolerance(header, now)
    raise InvalidSignatureError(_reason(header))


def fits(text: str, header: str, secret: str) -> bool:
    """Whether one of the header's signatures was made of this text with this secret, whenever that was."""
    try:
        return bool(WebhookSignature.verify_header(text, header, secret, tolerance=None))
    except (SignatureVerificationError, ValueError, TypeError):
        return False


def _within_tolerance(header: str, now: float) -> int:
    signed_at = _timestamp(header)
    if signed_at < now - TOLERANCE_SECONDS:
        raise InvalidSignatureError("too_old", now - signed_at)
    if signed_at > now + TOLERANCE_SECONDS:
        raise InvalidSignatureError("in_future", now - signed_at)
    return signed_at


def _timestamp(header: str) -> int:
    """The timestamp that was signed: the first `t=`, read just as the official check reads it.

    Read in any other way, a header with two of them could show the check an old one and us a new one.
    """
    try:
        return int(next(pair[1] for pair in _pairs(header) if pair[0] == "t"))
    except (StopIteration, IndexError, ValueError):
        raise InvalidSignatureError("no_timestamp") from None


def _reason(header: str) -> str:
    """Why no secret fits, for people; reached only after the official check has refused."""
    _timestamp(header)
    return NO_MATCH if any(pair[0] == "v1" for pair in _pairs(header)) else "no_v1"


def _pairs(header: str) -> list[list[str]]:
    return [item.split("=", 2) for item in header.split(",")]
