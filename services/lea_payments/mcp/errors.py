"""Defines the errors of the tools: each code with its meaning, in addition to the codes of the checkout API."""

from collections.abc import Mapping


class ToolRefusalError(Exception):
    """Raised to end a tool call with an error; `retry_after` is in seconds.

    `may_have_created` says that the checkout API can have stored the payment although its answer is an error.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        param: str | None = None,
        retry_after: int | None = None,
        may_have_created: bool = False,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param
        self.retry_after = retry_after
        self.may_have_created = may_have_created

    @property
    def is_failure(self) -> bool:
        """Whether the agent can do nothing about it: checkout or this server has failed."""
        return self.may_have_created or self.code in _FAILURES

    @property
    def may_pass(self) -> bool:
        """Whether the same call can succeed a moment later."""
        return self.is_failure and self.code != "unauthorized"


INVALID_REQUEST = "invalid_request"
INTERNAL_ERROR = "internal_error"

OWN_CODES: Mapping[str, str] = {
    "amount_over_cap": "The amount is over MCP_MAX_AMOUNT of its currency.",
    "currency_not_allowed": "MCP_MAX_AMOUNT has no cap for the currency, so the agent cannot sell in it.",
    "hourly_amount_over_cap": "The links of the last hour and this one are over MCP_HOURLY_AMOUNT of the currency.",
    "hourly_links_over_cap": "The last hour has as many links as MCP_HOURLY_LINKS allows.",
    "checkout_unreachable": "The checkout API did not answer; repeat the same call.",
    "checkout_error": "The checkout API's answer cannot be read; repeat the same call.",
}
"""The codes that only the tools have."""

MESSAGES: Mapping[str, str] = {
    "unauthorized": "This server's token for the checkout API is not valid. Tell its operator; do not repeat the call.",
    "payment_not_found": "There is no payment with this id. Use the payment_id of an earlier result.",
    "payment_conflict": "This idempotency_key belongs to another order of this customer; send another key.",
    "payment_canceled": "This payment was canceled and gets no new link. To offer the order again, send another "
    "idempotency_key.",
    "stripe_refused": "Stripe did not accept the request. Tell the operator of this server.",
    INTERNAL_ERROR: "An internal error, which has been logged. Repeat the same call once, then tell the operator.",
    "checkout_unreachable": "The checkout API did not answer. Repeat the same call: it cannot create a second link.",
    "checkout_error": "The checkout API's answer cannot be read. Repeat the same call, then tell the operator.",
}
"""What the agent reads about a code whose message of the checkout API is for another reader."""

_FAILURES = ("unauthorized", INTERNAL_ERROR, "checkout_unreachable", "checkout_error")
