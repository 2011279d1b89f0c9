"""Defines what callers send to the checkout API, and converts it to payments."""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from lea_payments import return_urls
from lea_payments.checkout.errors import RefusalError
from lea_payments.checkout.input import visible_text
from lea_payments.checkout.input.numbers import digits_only
from lea_payments.checkout.input.parameters import check_each_once
from lea_payments.payment import money
from lea_payments.payment.record import Payment
from lea_payments.stripe.checkout_sessions import OwnLocale, StripeLocale

Locale = Literal[StripeLocale, OwnLocale]

ID_PATTERN = r"^[A-Za-z0-9_-]+$"
ID_LENGTH = 200
"""Stripe's limits for `client_reference_id`, which its events send back."""

PAGE_SIZE = 100
"""How many payments a page of a list has at most, and by default."""

MAX_SUPERSEDED = 10
"""How many payments one call cancels at most."""


def _letters_only(currency: str) -> str:
    """Other letters become a to z in lower case, such as the Kelvin sign, or only look like them."""
    if not (currency.isascii() and currency.isalpha()):
        raise ValueError("a character is not a letter from A to Z; send a code such as sgd")
    return currency


def _each_once(ids: list[str]) -> list[str]:
    if len(ids) != len(set(ids)):
        raise ValueError("an id is there twice; send each id once")
    return ids


def _well_formed(url: str) -> str:
    if not return_urls.is_well_formed(url):
        raise ValueError(
            f"not an https URL of at most {return_urls.LENGTH} characters, without a user or {return_urls.PARAMETER}; "
            "send one such as https://chat.example.com/conversations/7"
        )
    return url


Reference = Annotated[str, StringConstraints(min_length=1, max_length=256), AfterValidator(visible_text.checked)]
Name = Annotated[
    str, StringConstraints(min_length=1, max_length=250, strip_whitespace=True), AfterValidator(visible_text.checked)
]
ReturnUrl = Annotated[str, AfterValidator(_well_formed)]
PaymentId = Annotated[str, StringConstraints(min_length=1, max_length=ID_LENGTH, pattern=ID_PATTERN)]


SupersededIds = Annotated[
    list[Annotated[str, StringConstraints(min_length=1, max_length=256)]],
    AfterValidator(_each_once),
    Field(max_length=MAX_SUPERSEDED, json_schema_extra={"uniqueItems": True}),
]


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
            description="In minor units: 12000 is 120.00 SGD, or 12,000 JPY, which has no decimals.",
            json_schema_extra={"minimum": 1, "maximum": money.MAXIMUM},
        ),
    ]
    currency: Annotated[
        str,
        AfterValidator(_letters_only),
        Field(
            max_length=16,
            description=f"ISO 4217 code in any letter case. Stripe accepts {', '.join(sorted(money.CURRENCIES))}.",
            examples=["sgd", "SGD"],
            json_schema_extra={"pattern": "^[A-Za-z]{3}$", "maxLength": 3},
        ),
    ]
    product_name: Annotated[Name, Field(description="The name that the customer sees on the pay page.")]
    payment_intent_id: Annotated[
        PaymentId | None,
        Field(
            description="Your id of the payment. Without it, the id is derived from Idempotency-Key, or random. "
            "Send one of the two."
        ),
    ] = None
    locale: Annotated[
        Locale | None,
        Field(
            description="The language of the pay page and of our pages. Default: the browser's. "
            "Stripe's pay page has no Tamil: with ta it uses the browser's language."
        ),
    ] = None
    supersedes: Annotated[
        SupersededIds | None,
        Field(
            description="The ids of payments that this one replaces, such as those of an older quote. They are "
            "canceled before this payment gets its link. If one of them is paid, nothing is created."
        ),
    ] = None
    return_url: Annotated[
        ReturnUrl | None,
        Field(
            description="Where our pages lead the customer back to, with `payment_id` added to the query. Its origin "
            "must be one of RETURN_URL_ORIGINS. It must contain no personal data and no secret: it is in a page.",
            examples=["https://chat.example.com/conversations/7"],
            json_schema_extra={"format": "uri", "pattern": "^https?://", "maxLength": return_urls.LENGTH},
        ),
    ] = None


SEARCH_FIELDS = ("user_id", "quote_id", "session_id")
SearchValue = Annotated[str | None, Field(min_length=1, max_length=256)]


_PageSize = Annotated[int, Field(ge=1, le=PAGE_SIZE)]
Limit = Annotated[
    _PageSize,
    BeforeValidator(digits_only, json_schema_input_type=_PageSize),
    Field(description="How many payments the page has at most."),
]
Cursor = Annotated[
    str | None,
    Field(min_length=1, description="`next_cursor` of the previous page, with the same user_id or quote_id."),
]


class Search(BaseModel):
    """A search for payments. Unknown parameters are an error, so that a typo does not go unnoticed."""

    model_config = ConfigDict(extra="forbid")

    user_id: SearchValue = None
    quote_id: SearchValue = None
    session_id: SearchValue = None
    limit: Limit = PAGE_SIZE
    cursor: Cursor = None


def payment_of(new: NewPayment, payment_id: str, traceparent: str | None) -> Payment:
    """The payment that the caller wants to create."""
    return Payment(
        payment_intent_id=payment_id,
        user_id=new.user_id,
        quote_id=new.quote_id,
        amount=new.amount,
        currency=new.currency.lower(),
        product_name=new.product_name,
        traceparent=traceparent,
        checkout_locale=new.locale,
        return_url=new.return_url,
    )


def random_payment_id() -> str:
    """The id of a payment with neither `payment_intent_id` nor Idempotency-Key."""
    return f"payment_{secrets.token_urlsafe(18)}"


def payment_ids_for(idempotency_key: str, scopes: Sequence[bytes]) -> Sequence[str]:
    """The ids that a payment with this key can have: one for each scope, the caller's first, and that of 0.1.0.

    A caller's own scope keeps its payments apart from those of other callers. The other scopes find a payment that was
    created with another token, before a rotation; version 0.1.0 had no scopes.
    """
    key = idempotency_key.encode()
    digests = [*(hmac.digest(scope, key, "sha256") for scope in scopes), hashlib.sha256(key).digest()]
    return [f"payment_{digest.hex()[:40]}" for digest in digests]


def check_return_url(url: str | None, origins: Sequence[str]) -> None:
    """Refuses an address to which the pages would not lead: the customer would have no way back."""
    if url is None or return_urls.is_allowed(url, origins):
        return
    allowed = f"use one of these origins: {', '.join(origins)}" if origins else "no origin is allowed here"
    message = f"Customers may not return to this origin; {allowed}, or add it to RETURN_URL_ORIGINS."
    raise RefusalError("invalid_request", message, param="return_url")


def searched(search: Search, parameters: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """The field to search by, and its value. Raises RefusalError if it is not exactly one field, with one value."""
    check_each_once(parameters)
    given = [name for name in SEARCH_FIELDS if name in dict(parameters)]
    if len(given) != 1:
        message = "Give exactly one of user_id, quote_id and session_id."
        raise RefusalError("invalid_request", message, param="user_id")
    return given[0], getattr(search, given[0])
