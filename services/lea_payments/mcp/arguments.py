"""Defines the arguments of the tools."""

import hashlib
import json
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from lea_payments.mcp.errors import INVALID_REQUEST, ToolRefusalError

LONGEST_WAIT = 25
"""In seconds: the longest wait of the checkout API."""

MAX_PROBLEMS = 5

PaymentId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,200}$")]
Reference = Annotated[str, StringConstraints(min_length=1, max_length=256)]


class _Arguments(BaseModel):
    """Arguments that a model wrote: an unknown name or a number in a string is an error, so that it can correct it."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


class NewLink(_Arguments):
    """What the customer pays for."""

    user_id: Annotated[
        Reference, Field(description="Your id of the customer, such as user_42. No name and no address.")
    ]
    quote_id: Annotated[Reference, Field(description="Your id of the quote that the customer has accepted.")]
    amount: Annotated[
        int,
        Field(ge=1, le=999_999_999_999, description="The price in minor units: 12000 is 120.00 SGD, or 12,000 JPY."),
    ]
    currency: Annotated[
        str, StringConstraints(pattern="^[A-Za-z]{3}$"), Field(description="ISO 4217 code, such as SGD.")
    ]
    product_name: Annotated[
        str,
        StringConstraints(min_length=1, max_length=250),
        Field(description="What the customer sees on the pay page, such as Travel insurance, Japan, 10 days."),
    ]
    locale: Annotated[
        str | None, Field(max_length=16, description="Language of the pages, such as en, zh, ms or ta.")
    ] = None
    idempotency_key: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=255,
            description="Only to sell the same quote to the same customer again: a new text for each sale. Without it, "
            "the same customer, quote, amount and currency are always the same payment.",
        ),
    ] = None
    supersedes: Annotated[
        list[PaymentId] | None,
        Field(
            max_length=10, description="payment_ids of older offers that this one replaces: they are canceled first."
        ),
    ] = None
    return_url: Annotated[
        str | None,
        Field(max_length=2048, description="Where the customer returns after the payment. Only if you were given one."),
    ] = None

    @property
    def payment_id(self) -> str:
        """The payment's id. The same order always has the same one, so a repeated call cannot create a second link."""
        key: list[object] = [self.user_id, self.idempotency_key]
        if self.idempotency_key is None:
            key = [self.user_id, self.quote_id, self.amount, self.currency.lower(), None]
        return f"mcp_{hashlib.sha256(json.dumps(key).encode()).hexdigest()[:40]}"


class StatusQuery(_Arguments):
    """Which payment to read, and how long to wait for a change."""

    payment_id: Annotated[PaymentId, Field(description="The payment_id of an earlier result.")]
    wait_seconds: Annotated[
        int,
        Field(ge=0, le=LONGEST_WAIT, description="How long to wait for a change, at most 25. 0 answers at once."),
    ] = 0
    after_version: Annotated[
        int | None,
        Field(ge=0, description="The version of your last result: the answer comes as soon as there is a newer one."),
    ] = None


class PaymentReference(_Arguments):
    """Which payment to cancel."""

    payment_id: Annotated[PaymentId, Field(description="The payment_id of an earlier result.")]


def refusal_of(error: ValidationError) -> ToolRefusalError:
    """The error for invalid arguments. It names them, and never repeats what was sent."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)[:MAX_PROBLEMS]
    known = [problem for problem in problems if problem["type"] != "extra_forbidden"]
    sentences = [f"{_name(problem['loc'])}: {problem['msg']}" for problem in known]
    if len(known) < len(problems):
        sentences.append("there is an argument that the tool does not have; remove it")
    param = _name(known[0]["loc"]) if known else None
    return ToolRefusalError(INVALID_REQUEST, "; ".join(sentences), param=param)


def _name(location: tuple[int | str, ...]) -> str:
    return str(location[0]) if location else "arguments"
