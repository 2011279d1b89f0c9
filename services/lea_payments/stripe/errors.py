"""The refusals of a delivery, from the one that catches all to the single ones; each knows its metric label."""


class WebhookError(Exception):
    """A delivery we cannot trust or read; nothing of it is used.

    WebhookError
    ├── InvalidSignatureError
    └── InvalidPayloadError
    """

    outcome = "refused"


class InvalidSignatureError(WebhookError):
    """Raised when the delivery does not prove that Stripe sent it just now; `reason` is a metric label."""

    outcome = "invalid_signature"

    def __init__(self, reason: str, skew_seconds: float | None = None) -> None:
        super().__init__(f"invalid signature: {reason}")
        self.reason = reason
        self.skew_seconds = skew_seconds


class InvalidPayloadError(WebhookError):
    """Raised when a verified body is not a snapshot event that we can read; Stripe will send it again."""

    outcome = "invalid_payload"
