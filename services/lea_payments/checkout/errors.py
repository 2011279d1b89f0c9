"""The errors of the checkout API: each code with its HTTP status, its meaning and the calls that return it."""

from collections.abc import Mapping
from typing import NamedTuple


class RefusalError(Exception):
    """Ends a call with an error of the API.

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
    """Stripe repeats an old error for this attempt's idempotency key for a day: start the next attempt."""


class InFlightError(RefusalError):
    """Stripe is still processing the same call from elsewhere."""


class ApiError(NamedTuple):
    """One error code. `calls` are the calls whose documentation lists it; empty if no documented call returns it."""

    status: int
    when: str
    calls: tuple[str, ...] = ()


CREATE, GET, LIST = "create", "get", "list"
_ALL = (CREATE, GET, LIST)

ERRORS: Mapping[str, ApiError] = {
    "invalid_json": ApiError(400, "The body is not JSON.", (CREATE,)),
    "unauthorized": ApiError(401, "The bearer token is missing or wrong.", _ALL),
    "payment_not_found": ApiError(404, "There is no payment with this id.", (GET,)),
    "not_found": ApiError(404, "There is nothing at this path."),
    "method_not_allowed": ApiError(405, "The path does not support this method."),
    "payment_conflict": ApiError(
        409, "The id belongs to a payment with another user, quote, amount or currency.", (CREATE,)
    ),
    "already_completed": ApiError(409, "The payment is completed.", (CREATE,)),
    "awaiting_confirmation": ApiError(
        409, "The customer has paid; Stripe's confirmation has not arrived yet.", (CREATE,)
    ),
    "awaiting_funds": ApiError(409, "The customer has paid by a delayed method; the money is on its way.", (CREATE,)),
    "in_review": ApiError(409, "The money paid differs from the money requested; a person must look.", (CREATE,)),
    "too_large": ApiError(413, "The body is over 16 KiB.", (CREATE,)),
    "unsupported_media_type": ApiError(415, "The Content-Type is not application/json.", (CREATE,)),
    "invalid_request": ApiError(422, "A field is missing, unknown or invalid.", _ALL),
    "unknown_currency": ApiError(422, "Stripe does not accept payments in this currency.", (CREATE,)),
    "amount_too_small": ApiError(422, "The amount is below Stripe's minimum for this currency.", (CREATE,)),
    "amount_too_large": ApiError(422, "The amount is above Stripe's maximum for this currency.", (CREATE,)),
    "amount_precision": ApiError(422, "Stripe requires the last digits of this currency to be 0.", (CREATE,)),
    "internal_error": ApiError(500, "A bug of ours; repeat the call, and report it if it persists.", _ALL),
    "stripe_unreachable": ApiError(502, "Stripe did not answer; the payment is stored, repeat the call.", (CREATE,)),
    "stripe_error": ApiError(502, "Stripe failed; the payment is stored, repeat the call.", (CREATE,)),
    "stripe_refused": ApiError(502, "Stripe rejected our key or our request.", (CREATE,)),
    "stripe_busy": ApiError(503, "Stripe limits our rate; repeat the call after Retry-After.", (CREATE,)),
    "try_again": ApiError(
        503, "Other calls for this payment are in progress; repeat the call after Retry-After.", (CREATE,)
    ),
    "table_unavailable": ApiError(503, "The table does not answer; repeat the call after Retry-After.", _ALL),
}
