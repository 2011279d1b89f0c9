"""Defines the errors of reading deliveries and of calling Stripe."""


class WebhookError(Exception):
    """Raised when a delivery cannot be trusted or read; `outcome` is a metric label.

    WebhookError
    ├── InvalidSignatureError
    └── InvalidPayloadError
    """

    outcome = "refused"


class InvalidSignatureError(WebhookError):
    """Raised when the signature does not prove that Stripe has just sent the delivery; `reason` is a metric label."""

    outcome = "invalid_signature"

    def __init__(self, reason: str, skew_seconds: float | None = None) -> None:
        super().__init__(f"invalid signature: {reason}")
        self.reason = reason
        self.skew_seconds = skew_seconds


class InvalidPayloadError(WebhookError):
    """Raised when a verified body is not a readable snapshot event; Stripe sends it again."""

    outcome = "invalid_payload"


class StripeCallError(Exception):
    """Raised when a call to Stripe has no usable response.

    StripeCallError
    ├── StripeUnavailableError
    └── StripeRefusedError
        └── StripeMissingError
    """


class StripeUnavailableError(StripeCallError):
    """Raised when Stripe did not respond or asked to try again later.

    `path` is the path of the request, `http_status` is None without a response, and `retry_after` is the wait in
    seconds that Stripe asked for.
    """

    def __init__(
        self, message: str, path: str = "", http_status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.path = path
        self.http_status = http_status
        self.retry_after = retry_after


class StripeRefusedError(StripeCallError):
    """Raised when Stripe rejects the API key or the request; a retry does not help."""


class StripeMissingError(StripeRefusedError):
    """Raised when the account of the API key has no such object."""
