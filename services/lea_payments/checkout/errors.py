"""Why the checkout API says no: every code, its HTTP status and when it is given; builds no answer itself."""

from collections.abc import Mapping
from typing import NamedTuple


class RefusalError(Exception):
    """The call is answered with an error of ours.

    RefusalError
    ├── KeySpentError
    └── InFlightError
    """

    def __init__(self, code: str, message: str, *, param: str | None = None, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param
        self.retry_after = retry_after


class KeySpentError(RefusalError):
    """Raised when Stripe will answer this attempt's idempotency key with an old error for a day: begin another."""


class InFlightError(RefusalError):
    """Raised when Stripe is still at work on the same call from elsewhere."""


class ApiError(NamedTuple):
    """The HTTP status of a code and when it is given."""

    status: int
    when: str


ERRORS: Mapping[str, ApiError] = {
    "invalid_json": ApiError(400, "The body is not JSON."),
    "unauthorized": ApiError(401, "The bearer token is missing or is none of ours."),
    "payment_not_found": ApiError(404, "There is no payment with this id."),
    "not_found": ApiError(404, "There is nothing at this path."),
    "method_not_allowed": ApiError(405, "The path does not know this method."),
    "payment_conflict": ApiError(409, "The id belongs to a payment with another user, quote, amount or currency."),
    "already_completed": ApiError(409, "The payment is completed."),
    "awaiting_confirmation": ApiError(409, "The customer has finished; Stripe's word on it is under way."),
    "awaiting_funds": ApiError(409, "The customer has paid by a slow method; the money is under way."),
    "in_review": ApiError(409, "Money has come that is not what was asked for; a person must look."),
    "too_large": ApiError(413, "The body is over 16 KiB."),
    "unsupported_media_type": ApiError(415, "The body is not declared as JSON."),
    "invalid_request": ApiError(422, "A field is missing, unknown or wrong."),
    "unknown_currency": ApiError(422, "Stripe takes no payments in this currency."),
    "amount_too_small": ApiError(422, "Stripe does not take so little of this currency."),
    "amount_too_large": ApiError(422, "Stripe does not take so much of this currency."),
    "amount_precision": ApiError(422, "Stripe wants the last digits of this currency to be 0."),
    "internal_error": ApiError(500, "A fault of ours."),
    "stripe_unreachable": ApiError(502, "Stripe did not answer; the record stays, repeat the call."),
    "stripe_error": ApiError(502, "Stripe has a fault of its own; the record stays, repeat the call."),
    "stripe_refused": ApiError(502, "Stripe does not accept our key or our request."),
    "stripe_busy": ApiError(503, "Stripe asks us to slow down; repeat the call after Retry-After."),
    "try_again": ApiError(503, "Other calls for this payment are under way; repeat the call after Retry-After."),
    "table_unavailable": ApiError(503, "The table of payments does not answer; repeat the call after Retry-After."),
}
