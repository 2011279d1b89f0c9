"""Creates the signature of a webhook delivery."""

import hashlib
import hmac
from collections.abc import Sequence


def header(body: bytes, secrets: Sequence[str], timestamp: int) -> str:
    """Return the `Stripe-Signature` of this body at this time, with one v1 signature per active secret."""
    signed = f"{timestamp}.".encode() + body
    signatures = [f"v1={_digest(secret, signed)}" for secret in secrets]
    # Like Stripe's test mode, add a v0 that matches no secret: receivers must ignore it.
    return ",".join([f"t={timestamp}", *signatures, f"v0={_digest('v0', signed)}"])


def _digest(secret: str, signed: bytes) -> str:
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
