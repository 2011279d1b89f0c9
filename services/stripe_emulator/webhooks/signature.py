"""Stripe's webhook signature, made; never checked here, and no clock of its own."""

import hashlib
import hmac
from collections.abc import Sequence


def header(body: bytes, secrets: Sequence[str], timestamp: int) -> str:
    """The `Stripe-Signature` of this body at this time: one v1 for each active secret."""
    signed = f"{timestamp}.".encode() + body
    parts = [f"v1={_digest(secret, signed)}" for secret in secrets]
    # Test mode adds a v0 that matches nothing, so that receivers prove they ignore it.
    return ",".join([f"t={timestamp}", *parts, f"v0={_digest('v0', signed)}"])


def _digest(secret: str, signed: bytes) -> str:
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
