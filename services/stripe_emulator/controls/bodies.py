"""Reads and validates the JSON bodies of the controls."""

from typing import Annotated, Any, Literal, TypeVar, get_args

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stripe_emulator.payments.disputes import Status
from stripe_emulator.reference import errors
from stripe_emulator.reference.errors import StripeApiError
from stripe_emulator.reference.shapes import Json
from stripe_emulator.validation import must_be, problems, whole_number

MAX_ADVANCE = 366 * 24 * 3600
MAX_AMOUNT = 999_999_999_999
MAX_TIME = 253_402_300_799

Word = Annotated[str, Field(min_length=1), must_be("a text that is not empty")]
# https://docs.stripe.com/api/refunds/object#refund_object-failure_reason
FailureReason = Literal[
    "charge_for_pending_refund_disputed",
    "declined",
    "expired_or_canceled_card",
    "insufficient_funds",
    "lost_or_stolen_card",
    "merchant_request",
    "unknown",
]
# https://docs.stripe.com/api/radar/early_fraud_warnings/object#early_fraud_warning_object-fraud_type
FraudType = Literal[
    "card_never_received",
    "fraudulent_card_application",
    "made_with_counterfeit_card",
    "made_with_lost_card",
    "made_with_stolen_card",
    "misc",
    "unauthorized_use_of_card",
]


def _choices(kind: Any) -> str:
    return f"one of {', '.join(get_args(kind))}"


class Body(BaseModel):
    """The JSON body of a control."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class PayBody(Body):
    """How to pay. By default, a test card pays."""

    model_config = ConfigDict(strict=False, coerce_numbers_to_str=True)

    card: str = "4242424242424242"
    expiry: str = "12/34"
    cvc: str = "123"
    email: str = ""
    method: str = "card"
    outcome: str = "succeeded"
    after_seconds: str = "5"
    wait: bool = True


class AuthenticationBody(Body):
    """How the customer's authentication ends."""

    result: Annotated[Literal["succeeded", "failed"], must_be("succeeded or failed")] = "succeeded"
    wait: Annotated[bool, must_be("true or false")] = True


class SecretsBody(Body):
    """The signing secrets of a webhook endpoint."""

    secrets: Annotated[
        list[Annotated[str, Field(min_length=1)]],
        Field(min_length=1),
        must_be("a list of at least one text, the new one first"),
    ]


class FailureBody(Body):
    """Why a refund fails."""

    reason: Annotated[FailureReason, must_be(_choices(FailureReason))] = "expired_or_canceled_card"


class DisputeBody(Body):
    """What is disputed, and why."""

    payment_intent: Annotated[str, must_be("the id of a PaymentIntent")]
    reason: Annotated[str, must_be("a word such as fraudulent")] = "fraudulent"
    amount: Annotated[int, whole_number(1, MAX_AMOUNT)] | None = None
    inquiry: bool = False
    status: Annotated[Status, must_be(_choices(Status))] | None = None


class DisputeStatusBody(Body):
    """The next status of a dispute, and until when it waits for evidence."""

    status: Annotated[Status, must_be(_choices(Status))]
    due_by: Annotated[int, whole_number(0, MAX_TIME)] | None = None


class WarningBody(Body):
    """Which payment gets an early fraud warning, and why."""

    payment_intent: Annotated[str, must_be("the id of a PaymentIntent")]
    fraud_type: Annotated[FraudType, must_be(_choices(FraudType))] = "made_with_stolen_card"


class OriginBody(Body):
    """Where an event comes from: a connected account, a context in an organization, or live mode."""

    account: Word | None = None
    context: Word | None = None
    livemode: Annotated[bool, must_be("true or false")] | None = None


class AdvanceBody(Body):
    """How far to move the clock ahead."""

    seconds: Annotated[int, whole_number(0, MAX_ADVANCE)]


B = TypeVar("B", bound=Body)


async def read_body(request: Request, model: type[B]) -> B:
    """Return the validated body, or raise Stripe's error for the first problem."""
    try:
        return model.model_validate(await read_json(request))
    except ValidationError as error:
        first = problems(error)[0]
        raise (errors.unknown(first.path) if first.is_unknown else errors.invalid(str(first), first.path)) from error


async def read_json(request: Request) -> Json:
    """Return the body, or raise a StripeApiError unless it is a JSON object. No body is an empty object."""
    try:
        body = await request.json() if await request.body() else {}
    except ValueError as error:
        raise StripeApiError(f"The body is not JSON: {error}", status=422, param="body") from error
    if not isinstance(body, dict):
        raise StripeApiError("The body must be a JSON object.", status=422, param="body")
    return body
