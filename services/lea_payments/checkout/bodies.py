"""Defines the request and response bodies of the checkout API, and converts them from and to payments."""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from lea_payments.checkout.errors import ERRORS
from lea_payments.checkout.sessions import OpenCheckout
from lea_payments.payment import money
from lea_payments.payment.record import Payment, Status
from lea_payments.stripe.checkout_sessions import Locale

ID_PATTERN = r"^[A-Za-z0-9_-]+$"
ID_LENGTH = 200
"""Stripe's limits for `client_reference_id`, which its events send back."""

_PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
Reference = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=_PRINTABLE)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=250, pattern=_PRINTABLE, strip_whitespace=True)]
PaymentId = Annotated[str, StringConstraints(min_length=1, max_length=ID_LENGTH, pattern=ID_PATTERN)]


class NewPayment(BaseModel):
    """A payment to create: the customer, the quote and the amount."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "payment_intent_id": "payment_123",
                    "user_id": "user_42",
                    "quote_id": "quote_7",
                    "amount": 12000,
                    "currency": "sgd",
                    "product_name": "Travel insurance, Japan, 10 days",
                    "locale": "en",
                }
            ]
        },
    )

    user_id: Annotated[Reference, Field(description="Your id of the customer. Never sent to Stripe.")]
    quote_id: Annotated[Reference, Field(description="Your id of the quote. Never sent to Stripe.")]
    amount: Annotated[
        int,
        Field(
            strict=True,
            ge=1,
            le=money.MAXIMUM,
            description="In minor units: 12000 is 120.00 SGD, or 12,000 JPY, which has no decimals.",
        ),
    ]
    currency: Annotated[
        str,
        Field(
            max_length=16,
            description="ISO 4217 code in any letter case.",
            json_schema_extra={"enum": sorted(money.CURRENCIES)},
        ),
    ]
    product_name: Annotated[Name, Field(description="The name that the customer sees on the pay page.")]
    payment_intent_id: Annotated[
        PaymentId | None,
        Field(description="Your id of the payment. Without it, the id is derived from Idempotency-Key, or random."),
    ] = None
    locale: Annotated[Locale | None, Field(description="Language of the pay page. Default: the browser's.")] = None


SearchValue = Annotated[str | None, Field(min_length=1, max_length=256)]


class Search(BaseModel):
    """A search for payments. Unknown parameters are an error, so that a typo does not go unnoticed."""

    model_config = ConfigDict(extra="forbid")

    user_id: SearchValue = None
    quote_id: SearchValue = None
    session_id: SearchValue = None


class PublishedPayment(BaseModel):
    """A payment with the fields of the published contract. Times are ISO 8601 in UTC."""

    payment_intent_id: Annotated[
        str, Field(description="The payment's own id, not Stripe's pi_….", examples=["payment_123"])
    ]
    user_id: str | None
    quote_id: str | None
    stripe_session_id: Annotated[str | None, Field(examples=["cs_test_a1"])]
    stripe_payment_intent: Annotated[str | None, Field(description="Stripe's pi_…. Set when the payment is paid.")]
    payment_status: Status
    amount: Annotated[int | None, Field(description="In minor units of the currency.", examples=[12000])]
    currency: Annotated[str | None, Field(examples=["sgd"])]
    product_name: str | None
    created_at: Annotated[str | None, Field(examples=["2026-01-01T08:00:00.000Z"])]
    updated_at: str | None
    webhook_processed_at: Annotated[str | None, Field(description="When an event last changed the payment.")]

    @classmethod
    def of(cls, record: Payment) -> Self:
        """Builds the body from a record."""
        return cls.model_validate(record, from_attributes=True)


class CurrentPayment(PublishedPayment):
    """A payment with its reason, refunds and dispute."""

    status_reason: Annotated[str | None, Field(examples=["card_declined:insufficient_funds"])]
    amount_refunded: Annotated[int, Field(description="The total refunded so far, in minor units.")]
    dispute_status: Annotated[str, Field(description="none, open, review, won or lost.", examples=["none"])]

    @classmethod
    def of(cls, record: Payment) -> Self:
        """Builds the body from a record."""
        return cls.model_validate(_values_of(record))


class HistoryLine(BaseModel):
    """One event and its outcome."""

    event_id: str
    event_type: str
    outcome: str
    status_from: str
    status_to: str
    at: str
    trace_id: str | None


class PaymentWithHistory(CurrentPayment):
    """A payment with its history, oldest first."""

    history: list[HistoryLine]


class Link(BaseModel):
    """The link where the customer pays."""

    url: Annotated[str, Field(description="Stripe's hosted page. Send the customer there.")]
    expires_at: Annotated[
        str, Field(description="When the link expires. Repeat the call after that to get a new link.")
    ]


class PaymentWithLink(BaseModel):
    """A payment and its link."""

    payment: CurrentPayment
    link: Link


class PaymentList(BaseModel):
    """Payments, newest first."""

    payments: list[PublishedPayment]


class Error(BaseModel):
    """An error. `code` is stable; `message` is for people."""

    code: str
    message: str
    param: Annotated[str | None, Field(description="The field or header to change.")] = None


class ErrorBody(BaseModel):
    """The body of every answer that is not 2xx."""

    error: Error


def payment_of(new: NewPayment, idempotency_key: str | None, traceparent: str | None) -> Payment:
    """The payment that the caller wants to create."""
    return Payment(
        payment_intent_id=new.payment_intent_id or payment_id_for(idempotency_key),
        user_id=new.user_id,
        quote_id=new.quote_id,
        amount=new.amount,
        currency=new.currency.lower(),
        product_name=new.product_name,
        traceparent=traceparent,
        checkout_locale=new.locale,
    )


def payment_id_for(idempotency_key: str | None) -> str:
    """The id of a payment without `payment_intent_id`: the same for the same key, random without a key."""
    if idempotency_key is None:
        return f"payment_{secrets.token_urlsafe(18)}"
    return f"payment_{hashlib.sha256(idempotency_key.encode()).hexdigest()[:40]}"


def with_link(checkout: OpenCheckout) -> PaymentWithLink:
    """The body for a payment that can be paid."""
    expires_at = datetime.fromtimestamp(checkout.session.expires_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    link = Link(url=checkout.session.url or "", expires_at=expires_at)
    return PaymentWithLink(payment=CurrentPayment.of(checkout.payment), link=link)


def error_body(code: str, message: str, param: str | None = None) -> dict[str, Any]:
    """The body of an error."""
    return ErrorBody(error=Error(code=code, message=message, param=param)).model_dump(exclude_none=True)


def validation_error_body(problems: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The body for invalid fields. It names all of them and never repeats the values that were sent."""
    fields = [_field_name(problem["loc"]) for problem in problems]
    sentences = [f"{field}: {problem['msg']}" for field, problem in zip(fields, problems, strict=True)]
    return error_body("invalid_request", f"{'; '.join(sentences)}. /openapi.json describes each field.", fields[0])


def error_responses(call: str) -> dict[int | str, dict[str, Any]]:
    """The errors of a call in the form of OpenAPI, with an example for each code."""
    responses: dict[int | str, dict[str, Any]] = {}
    for code, error in ERRORS.items():
        if call not in error.calls:
            continue
        response = responses.setdefault(
            error.status, {"model": ErrorBody, "description": "", "content": {"application/json": {"examples": {}}}}
        )
        response["description"] = f"{response['description']} `{code}`: {error.when}".strip()
        response["content"]["application/json"]["examples"][code] = {"value": error_body(code, error.when)}
    return responses


def _values_of(record: Payment) -> dict[str, Any]:
    """A record's values under the names of these bodies."""
    names = (*CurrentPayment.model_fields, "history")
    values = {name: getattr(record, name) for name in names}
    return values | {"history": [entry._asdict() for entry in record.history]}


def _field_name(location: Sequence[str | int]) -> str:
    """The field's name in the request: `amount`, `Idempotency-Key`, or `body` for the whole body."""
    inner = ".".join(str(part) for part in location[1:])
    return inner or str(location[0])
