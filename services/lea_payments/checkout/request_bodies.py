"""Defines what callers send to the checkout API, and converts it to payments."""

import hashlib
import secrets
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from lea_payments.payment import money
from lea_payments.payment.record import Payment
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
