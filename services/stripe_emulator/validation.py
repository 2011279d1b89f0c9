"""Describes the values that pydantic rejects, in short messages."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic import BaseModel, GetJsonSchemaHandler, ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import CoreSchema, PydanticCustomError

OBJECT_EXPECTED = ("model_type", "dict_type")
# A default that depends on another field cannot be computed when that field has a problem.
CONSEQUENCES = ("default_factory_not_called",)


class Problem(NamedTuple):
    """One rejected value, and why it was rejected."""

    path: str
    message: str
    value: object
    is_unknown: bool
    is_missing: bool

    def __str__(self) -> str:
        """Return the problem as one sentence."""
        return f"unknown field {self.path}" if self.is_unknown else f"{self.path} {self.message}"


@dataclass(frozen=True)
class MustBe(WrapValidator):
    """A validator that also describes the valid values in JSON schemas."""

    expectation: str = ""
    limits: tuple[float, float] | None = None

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return the schema with the expectation as its description, and with the limits."""
        described = {"description": f"Must be {self.expectation}."}
        limits = {"minimum": self.limits[0], "maximum": self.limits[1]} if self.limits else {}
        return handler(core) | described | limits


def must_be(expectation: str, limits: tuple[float, float] | None = None) -> MustBe:
    """Accept valid values within the limits. The message for any other value describes all valid ones."""

    def check(value: object, validate: ValidatorFunctionWrapHandler) -> Any:
        try:
            valid = validate(value)
        except ValidationError:
            valid = None
        if valid is None or (limits and not limits[0] <= valid <= limits[1]):
            raise PydanticCustomError("must_be", "must be {expectation}", {"expectation": expectation})
        return valid

    return MustBe(check, expectation=expectation, limits=limits)


def number(least: float, most: float) -> MustBe:
    """Accept numbers between two limits."""
    return must_be(f"a number from {least:g} to {most:g}", (least, most))


def whole_number(least: int, most: int) -> MustBe:
    """Accept whole numbers between two limits."""
    return must_be(f"a whole number from {least} to {most}", (least, most))


def expectation(model: type[BaseModel], name: str) -> str:
    """Return the description of a field's valid values."""
    return next(it.expectation for it in model.model_fields[name].metadata if isinstance(it, MustBe))


def problems(error: ValidationError) -> list[Problem]:
    """Return every problem that a validation found."""
    return [
        Problem(
            path=".".join(str(part) for part in detail["loc"] if part != "[key]") or "body",
            message="must be an object" if detail["type"] in OBJECT_EXPECTED else detail["msg"],
            value=detail["input"],
            is_unknown=detail["type"] == "extra_forbidden",
            is_missing=detail["type"] == "missing",
        )
        for detail in error.errors()
        if detail["type"] not in CONSEQUENCES
    ]
