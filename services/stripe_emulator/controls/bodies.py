"""Reads and validates the JSON bodies and the query parameters of the controls."""

import json
from typing import Annotated, Any, Literal, TypeVar, get_args

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stripe_emulator.pay_page.payment import Method, Outcome
from stripe_emulator.payments.disputes import Reason, Status
from stripe_emulator.reference import errors
from stripe_emulator.reference.errors import StripeApiError
from stripe_emulator.reference.shapes import Json
from stripe_emulator.validation import expectation, must_be, problems, whole_number

MAX_ADVANCE = 366 * 24 * 3600
MAX_AMOUNT = 999_999_999_999
MAX_TIME = 253_402_300_799

INTENT = "pi_3Pa1zYLJ2s0vHcTq0Xk4mN8d"  # an id for examples

Text = Annotated[str, must_be("a text or a number")]
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


def _examples(*examples: Json) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [*examples]})


YesOrNo = Annotated[bool, must_be("true or false")]


class Body(BaseModel):
    """The JSON body or the query parameters of a control."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class PayBody(Body):
    """How to pay. By default, a test card pays."""

    model_config = ConfigDict(strict=False, coerce_numbers_to_str=True) | _examples(
        {"card": "4242424242424242", "email": "tan@example.com"},
        {"method": "delayed", "outcome": "failed", "after_seconds": "3600", "wait": False},
    )

    card: Text = "4242424242424242"
    expiry: Text = "12/34"
    cvc: Text = "123"
    email: Text = ""
    method: Annotated[Method, must_be("card or delayed")] = "card"
    outcome: Annotated[Outcome, must_be("succeeded or failed")] = "succeeded"
    after_seconds: Text = "5"
    wait: YesOrNo = True


class AuthenticationBody(Body):
    """How the customer's authentication ends."""

    model_config = _examples({"result": "failed"})

    result: Annotated[Outcome, must_be("succeeded or failed")] = "succeeded"
    wait: YesOrNo = True


class SettleQuery(Body):
    """How a delayed payment ends."""

    result: Annotated[Outcome, must_be("succeeded or failed")]


class SecretsBody(Body):
    """The signing secrets of a webhook endpoint."""

    model_config = _examples({"secrets": ["whsec_new", "whsec_old"]})

    secrets: Annotated[
        list[Annotated[str, Field(min_length=1)]],
        Field(min_length=1),
        must_be("a list of at least one text, the new one first"),
    ]


class FailureBody(Body):
    """Why a refund fails."""

    model_config = _examples({"reason": "lost_or_stolen_card"})

    reason: Annotated[FailureReason, must_be(_choices(FailureReason))] = "expired_or_canceled_card"


class DisputeBody(Body):
    """What is disputed, and why."""

    model_config = _examples(
        {"payment_intent": INTENT, "reason": "product_not_received", "amount": 6000},
        {"payment_intent": INTENT, "inquiry": True},
        {"payment_intent": INTENT, "status": "prevented"},
    )

    payment_intent: Annotated[str, must_be("the id of a PaymentIntent")]
    reason: Annotated[Reason, must_be(_choices(Reason))] = "fraudulent"
    amount: Annotated[int, whole_number(1, MAX_AMOUNT)] | None = None
    inquiry: YesOrNo = False
    status: Annotated[Status, must_be(_choices(Status))] | None = None


class DisputeStatusBody(Body):
    """The next status of a dispute, and until when it waits for evidence."""

    model_config = _examples({"status": "under_review"}, {"status": "needs_response", "due_by": 1_900_000_000})

    status: Annotated[Status, must_be(_choices(Status))]
    due_by: Annotated[int, whole_number(0, MAX_TIME)] | None = None


class CloseQuery(Body):
    """How a dispute ends."""

    status: Annotated[Literal["won", "lost"], must_be("won or lost")]


class WarningBody(Body):
    """Which payment gets an early fraud warning, and why."""

    model_config = _examples({"payment_intent": INTENT, "fraud_type": "made_with_lost_card"})

    payment_intent: Annotated[str, must_be("the id of a PaymentIntent")]
    fraud_type: Annotated[FraudType, must_be(_choices(FraudType))] = "made_with_stolen_card"


class OriginBody(Body):
    """Where an event comes from: a connected account, a context in an organization, or live mode."""

    model_config = _examples({"account": "acct_1Pa1zYLJ2s0vHcTq"}, {"livemode": True})

    account: Word | None = None
    context: Word | None = None
    livemode: YesOrNo | None = None


class AdvanceBody(Body):
    """How far to move the clock ahead."""

    model_config = _examples({"seconds": 86400})

    seconds: Annotated[int, whole_number(0, MAX_ADVANCE)]


B = TypeVar("B", bound=Body)


async def read_body(request: Request, model: type[B]) -> B:
    """Return the validated body, or raise Stripe's error for the first problem."""
    return _validated(model, await read_json(request))


def read_query(request: Request, model: type[B]) -> B:
    """Return the validated query parameters, or raise Stripe's error for the first problem."""
    return _validated(model, dict(request.query_params))


async def read_json(request: Request) -> Json:
    """Return the body, or raise a StripeApiError unless it is a JSON object. No body is an empty object."""
    try:
        body = await request.json() if await request.body() else {}
        json.dumps(body, ensure_ascii=False).encode()  # fails if a text has half of a pair of surrogates
    except json.JSONDecodeError as error:
        raise StripeApiError(f"The body is not JSON: {error}", status=422, param="body") from error
    except (ValueError, RecursionError) as error:  # also a number with thousands of digits
        raise StripeApiError(
            "The body has text that is not Unicode, a number that is too long, or too many levels: send a smaller one.",
            status=422,
            param="body",
        ) from error
    if not isinstance(body, dict):
        raise StripeApiError("The body must be a JSON object.", status=422, param="body")
    return body


def _validated(model: type[B], values: Json) -> B:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = problems(error)[0]
        if first.is_unknown:
            raise errors.unknown(first.path) from error
        text = f"{first.path} must be {expectation(model, first.path)}" if first.is_missing else str(first)
        raise errors.invalid(text, first.path) from error
