"""Defines the bodies of the checkout API's errors and describes them for OpenAPI."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, Field

from lea_payments.checkout.errors import ALWAYS, ERRORS, LONGEST_RETRY_AFTER, NEVER


class Error(BaseModel):
    """An error. `code` is stable; `message` is for people."""

    code: Annotated[
        str,
        Field(
            description="New versions can add codes: treat one that you do not know by its HTTP status.",
            json_schema_extra={"enum": [*ERRORS]},
        ),
    ]
    message: str
    param: Annotated[str | None, Field(description="The field or header to change.")] = None


class ErrorBody(BaseModel):
    """The body of every answer that is not 2xx."""

    error: Error


def error_body(code: str, message: str, param: str | None = None) -> dict[str, Any]:
    """The body of an error."""
    return ErrorBody(error=Error(code=code, message=message, param=param)).model_dump(exclude_none=True)


MAX_PROBLEMS = 10
"""How many invalid fields an answer names."""

_NAME_LENGTH = 64
_MESSAGES: Mapping[str, str] = {
    "string_unicode": "half a character (a lone surrogate); send complete characters",
    "extra_forbidden": "there is no such field; remove it",
}
"""Our words for some of pydantic's types of errors."""


def validation_error_body(problems: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The body for invalid fields. It names the first ones and never repeats the values that were sent."""
    problems = problems[:MAX_PROBLEMS]
    fields = [_field_name(problem["loc"]) for problem in problems]
    sentences = [f"{field}: {_message_of(problem)}" for field, problem in zip(fields, problems, strict=True)]
    return error_body("invalid_request", f"{'; '.join(sentences)}. /openapi.json describes each field.", fields[0])


def error_responses(call: str) -> dict[int | str, dict[str, Any]]:
    """The errors of a call in the form of OpenAPI, with an example for each code."""
    codes = [code for code, error in ERRORS.items() if call in error.calls]
    statuses = sorted({ERRORS[code].status for code in codes})
    return {status: _response([code for code in codes if ERRORS[code].status == status]) for status in statuses}


def _response(codes: Sequence[str]) -> dict[str, Any]:
    """The answers with these codes, which have one HTTP status."""
    examples = {code: {"value": error_body(code, ERRORS[code].when)} for code in codes}
    response: dict[str, Any] = {
        "model": ErrorBody,
        "description": " ".join(f"`{code}`: {ERRORS[code].when}" for code in codes),
        "content": {"application/json": {"examples": examples}},
    }
    retry_after = {ERRORS[code].retry_after for code in codes}
    if retry_after != {NEVER}:
        response["headers"] = {"Retry-After": {**_RETRY_AFTER, "required": retry_after == {ALWAYS}}}
    return response


_RETRY_AFTER: Mapping[str, Any] = {
    "description": "How many seconds to wait before the call is repeated.",
    "schema": {"type": "integer", "minimum": 1, "maximum": LONGEST_RETRY_AFTER},
}


def _message_of(problem: Mapping[str, Any]) -> str:
    own: str = problem["msg"]
    return _MESSAGES.get(problem["type"], own.removeprefix("Value error, "))


def _field_name(location: Sequence[str | int]) -> str:
    """The field's name in the request: `amount`, `Idempotency-Key`, or `body` for the whole body."""
    inner = ".".join(str(part) for part in location[1:])
    return printable_name(inner or str(location[0]))


def printable_name(name: str) -> str:
    """A name that the caller chose, short and without characters that cannot be shown."""
    shown = name if len(name) <= _NAME_LENGTH else f"{name[:_NAME_LENGTH]}…"
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in shown)
