"""Defines the errors of the checkout API: each code with its HTTP status, its meaning and the calls that return it."""

from collections.abc import Mapping
from typing import NamedTuple


class RefusalError(Exception):
    """Raised to end a call with an error of the checkout API; `retry_after` is in seconds.

    RefusalError
    ├── KeySpentError
    ├── UnusableSessionError
    ├── RejectedError
    └── InFlightError
    """

    def __init__(self, code: str, message: str, *, param: str | None = None, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param
        self.retry_after = retry_after


class KeySpentError(RefusalError):
    """Raised when Stripe repeats an old error for this attempt's idempotency key, for a day: start the next attempt."""


class UnusableSessionError(RefusalError):
    """Raised when Stripe created no session that can be paid: the next call makes the next attempt."""


class RejectedError(RefusalError):
    """Raised when Stripe rejects the request of a call: the call has changed nothing."""


class InFlightError(RefusalError):
    """Raised when Stripe is still processing the same call of another request."""


NEVER, IF_STRIPE_SENDS_IT, ALWAYS = "never", "if Stripe sends it", "always"
"""When an answer has the header Retry-After."""

LONGEST_RETRY_AFTER = 60
"""In seconds: the longest wait of Stripe's that is passed on."""


class ErrorCode(NamedTuple):
    """The HTTP status and meaning of one error code; `calls` are the calls whose documentation lists it."""

    status: int
    when: str
    calls: tuple[str, ...] = ()
    retry_after: str = NEVER


CREATE, GET, LIST, CANCEL = "create", "get", "list", "cancel"
_ALL = (CREATE, GET, LIST, CANCEL)
_CALLS_STRIPE = (CREATE, CANCEL)

ERRORS: Mapping[str, ErrorCode] = {
    "invalid_json": ErrorCode(400, "The body is not JSON in UTF-8, or has a field twice.", (CREATE,)),
    "invalid_cursor": ErrorCode(400, "The cursor does not belong to this list.", (LIST,)),
    "unauthorized": ErrorCode(401, "The bearer token is missing or wrong.", _ALL),
    "payment_not_found": ErrorCode(404, "There is no payment with this id.", (CREATE, GET, CANCEL)),
    "not_found": ErrorCode(404, "There is nothing at this path."),
    "method_not_allowed": ErrorCode(405, "The path does not support this method."),
    "payment_conflict": ErrorCode(
        409, "The id belongs to a payment with another user, quote, amount or currency.", (CREATE,)
    ),
    "payment_canceled": ErrorCode(409, "The payment is canceled: it gets no new link.", (CREATE,)),
    "already_completed": ErrorCode(409, "The payment is completed.", _CALLS_STRIPE),
    "awaiting_confirmation": ErrorCode(
        409, "The customer has paid; Stripe's confirmation has not arrived yet.", _CALLS_STRIPE
    ),
    "awaiting_funds": ErrorCode(
        409, "The customer has paid by a delayed method; the money is on its way.", _CALLS_STRIPE
    ),
    "in_review": ErrorCode(
        409, "The money paid differs from the money requested; a person must look at it.", _CALLS_STRIPE
    ),
    "too_large": ErrorCode(413, "The body is over 16 KiB.", (CREATE,)),
    "unsupported_media_type": ErrorCode(415, "The Content-Type is not application/json.", (CREATE,)),
    "invalid_request": ErrorCode(422, "A field is missing, unknown or invalid.", _ALL),
    "unknown_currency": ErrorCode(422, "Stripe does not accept payments in this currency.", (CREATE,)),
    "amount_too_small": ErrorCode(422, "The amount is below Stripe's minimum for this currency.", (CREATE,)),
    "amount_too_large": ErrorCode(422, "The amount is above Stripe's maximum for this currency.", (CREATE,)),
    "amount_precision": ErrorCode(422, "Stripe requires the last digits of this currency to be 0.", (CREATE,)),
    "too_many_waiting": ErrorCode(
        429, "Too many calls wait at this pod; repeat the call after Retry-After.", (GET,), ALWAYS
    ),
    "internal_error": ErrorCode(500, "An internal error; repeat the call, and report it if it persists.", _ALL),
    "stripe_unreachable": ErrorCode(
        502, "Stripe did not respond; the payment is stored, repeat the call.", _CALLS_STRIPE
    ),
    "stripe_error": ErrorCode(
        502,
        "Stripe failed or sent no usable link; the payment is stored, repeat the call.",
        _CALLS_STRIPE,
        IF_STRIPE_SENDS_IT,
    ),
    "stripe_refused": ErrorCode(502, "Stripe rejected the service's API key or its request.", _CALLS_STRIPE),
    "stripe_busy": ErrorCode(503, "Stripe limits the rate; repeat the call after Retry-After.", _CALLS_STRIPE, ALWAYS),
    "try_again": ErrorCode(
        503, "Other calls for this payment are in progress; repeat the call after Retry-After.", _CALLS_STRIPE, ALWAYS
    ),
    "table_unavailable": ErrorCode(503, "The table does not respond; repeat the call after Retry-After.", _ALL, ALWAYS),
}
