"""Defines the types of values that come from records: what is not readable there is null in an answer."""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from lea_payments.payment.event import Outcome
from lea_payments.payment.evidence import NEVER_MATCHES, UNREADABLE_CURRENCY
from lea_payments.payment.record import Status, iso, parsed_time

Time = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
"""A time of an answer: RFC 3339 in UTC."""


def readable(value: object) -> object:
    """The amount or the currency, or None if it is not readable in the record."""
    return None if value in (NEVER_MATCHES, UNREADABLE_CURRENCY) else value


def time_of(value: str | None) -> str | None:
    """The time in UTC, or None if it is not one."""
    at = parsed_time(value)
    return None if at is None else iso(at)


def _member(kind: type[StrEnum]) -> Any:
    """Reads a word of the enumeration; any other text is None."""
    return BeforeValidator(lambda value: value if value in set(kind) else None)


ReadableVersion = Annotated[int, BeforeValidator(lambda value: max(0, value or 0))]
"""The version; 0 if no service has written the record."""

ReadableAmount = Annotated[int | None, BeforeValidator(readable)]
ReadableCurrency = Annotated[str | None, BeforeValidator(readable)]
ReadableTime = Annotated[Time | None, BeforeValidator(time_of)]
ReadableStatus = Annotated[Status | None, _member(Status)]
ReadableOutcome = Annotated[Outcome | None, _member(Outcome)]
