"""The checkout API's bodies, as its OpenAPI describes them, made from payments and back; calls nobody."""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from lea_payments.checkout.errors import ERRORS
from lea_payments.checkout.sessions import Opened
from lea_payments.payment import money
from lea_payments.payment.record import Payment, Status
from lea_payments.stripe.checkout_sessions import Locale

ID_PATTERN = r"^[A-Za-z0-9_-]+$"
ID_LENGTH = 200
"""Stripe's limits for the reference that its events bring back to us."""

_PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
Reference = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=_PRINTABLE)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=250, pattern=_PRINTABLE, strip_whitespace=True)]
PaymentId = Annotated[str, StringConstraints(min_length=1, max_length=ID_LENGTH, pattern=ID_PATTERN)]


class NewPayment(BaseModel):
    """What to charge whom for."""

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

    user_id: Annotated[Reference, Field(description="The caller's own id of the customer; never sent to Stripe.")]
    quote_id: Annotated[Reference, Field(description="The quote that is paid for; never sent to Stripe.")]
    amount: Annotated[
        int,
        Field(
            strict=True,
            ge=1,
            le=money.MAXIMUM,
            description="In minor units: 12000 is 120.00 SGD, and 12000 is 12,000 JPY, which has no decimals.",
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
    product_name: Annotated[Name, Field(description="What the customer reads on the pay page.")]
    payment_intent_id: Annotated[
        PaymentId | None,
        Field(description="Your own id of the payment. Else one is made, from the Idempotency-Key or at random."),
    ] = None
    locale: Annotated[Locale | None, Field(description="Language of the pay page; the browser's when left out.")] = None


SearchValue = Annotated[str | None, Field(min_length=1, max_length=256)]


class Search(BaseModel):
    """Whose payments are asked for; a name that we do not know is refused, not passed over."""

    model_config = ConfigDict(extra="forbid")

    user_id: SearchValue = None
    quote_id: SearchValue = None
    session_id: SearchValue = None


class PublishedPayment(BaseModel):
    """A payment as the published contract has it; times are ISO 8601 UTC."""

    payment_intent_id: Annotated[str, Field(description="Our own id, not Stripe's pi_….", examples=["payment_123"])]
    user_id: str | None
    quote_id: str | None
    stripe_session_id: Annotated[str | None, Field(examples=["cs_test_a1"])]
    stripe_payment_intent: Annotated[str | None, Field(description="Stripe's pi_…, once it is paid.")]
    payment_status: Status
    amount: Annotated[int | None, Field(description="In minor units of the currency.", examples=[12000])]
    currency: Annotated[str | None, Field(examples=["sgd"])]
    product_name: str | None
    created_at: Annotated[str | None, Field(examples=["2026-01-01T08:00:00.000Z"])]
    updated_at: str | None
    webhook_processed_at: Annotated[str | None, Field(description="When Stripe's last event changed it.")]

    @classmethod
    def of(cls, record: Payment) -> Self:
        """The record's fields of this body."""
        return cls.model_validate(record, from_attributes=True)


class CurrentPayment(PublishedPayment):
    """A payment with what is known beside the contract."""

    status_reason: Annotated[str | None, Field(examples=["card_declined:insufficient_funds"])]
    amount_refunded: Annotated[int, Field(description="The most that was refunded so far, in minor units.")]
    dispute_status: Annotated[str, Field(description="none, open, review, won or lost.", examples=["none"])]

    @classmethod
    def of(cls, record: Payment) -> Self:
        """The record's fields of this body."""
        return cls.model_validate(plain(record))


class HistoryLine(BaseModel):
    """One event of Stripe's and what became of it."""

    event_id: str
    event_type: str
    outcome: str
    status_from: str
    status_to: str
    at: str
    trace_id: str | None


class WholePayment(CurrentPayment):
    """A payment with its history, oldest first."""

    history: list[HistoryLine]


class Link(BaseModel):
    """Where the customer pays."""

    url: Annotated[str, Field(description="Stripe's hosted page; send the customer here.")]
    expires_at: Annotated[str, Field(description="Repeat the call after this to get a new link.")]


class PaymentWithLink(BaseModel):
    """A payment and where to pay it."""

    payment: CurrentPayment
    link: Link


class PaymentList(BaseModel):
    """Payments, newest first."""

    payments: list[PublishedPayment]


class Error(BaseModel):
    """Why not; `code` is stable, `message` is for people."""

    code: str
    message: str
    param: Annotated[str | None, Field(description="The field or header to change.")] = None


class ErrorBody(BaseModel):
    """The body of every answer that is not 2xx."""

    error: Error


def record_of(new: NewPayment, idempotency_key: str | None, traceparent: str | None) -> Payment:
    """The record that this call asks for."""
    return Payment(
        payment_intent_id=new.payment_intent_id or id_for(idempotency_key),
        user_id=new.user_id,
        quote_id=new.quote_id,
        amount=new.amount,
        currency=new.currency.lower(),
        product_name=new.product_name,
        traceparent=traceparent,
        checkout_locale=new.locale,
    )


def id_for(idempotency_key: str | None) -> str:
    """An id for a payment that came without: the same for the same key, or one that nobody can guess."""
    if idempotency_key is None:
        return f"payment_{secrets.token_urlsafe(18)}"
    return f"payment_{hashlib.sha256(idempotency_key.encode()).hexdigest()[:40]}"


def plain(record: Payment) -> dict[str, Any]:
    """The record under the names of these bodies."""
    names = (*CurrentPayment.model_fields, "history")
    values = {name: getattr(record, name) for name in names}
    dispute, history = record.dispute_status.name.lower(), [entry._asdict() for entry in record.history]
    return values | {"dispute_status": dispute, "history": history}


def with_link(opened: Opened) -> PaymentWithLink:
    """The answer to a payment that can be paid."""
    expires_at = datetime.fromtimestamp(opened.session.expires_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    link = Link(url=opened.session.url or "", expires_at=expires_at)
    return PaymentWithLink(payment=CurrentPayment.of(opened.payment), link=link)


def error_body(code: str, message: str, param: str | None = None) -> dict[str, Any]:
    """The body of an error."""
    return ErrorBody(error=Error(code=code, message=message, param=param)).model_dump(exclude_none=True)


def invalid(problems: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The body for fields that are wrong: all of them are named, what was sent in them is not repeated."""
    fields = [_where(problem["loc"]) for problem in problems]
    sentences = [f"{field}: {problem['msg']}" for field, problem in zip(fields, problems, strict=True)]
    return error_body("invalid_request", f"{'; '.join(sentences)}. /openapi.json describes each field.", fields[0])


def _where(location: Sequence[str | int]) -> str:
    """A field as its sender knows it: `amount`, `Idempotency-Key`, or `body` for the whole."""
    inner = ".".join(str(part) for part in location[1:])
    return inner or str(location[0])


def documented(call: str) -> dict[int | str, dict[str, Any]]:
    """The errors of a call as OpenAPI describes them, with an example for each code."""
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
