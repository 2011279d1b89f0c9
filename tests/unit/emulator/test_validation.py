"""Tests the messages about invalid values."""

from typing import Annotated, Any

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from stripe_emulator.validation import expectation, must_be, number, problems, whole_number


class Inner(BaseModel):
    """A nested object."""

    model_config = ConfigDict(extra="forbid", strict=True)

    share: Annotated[float, number(0, 1)] = 0.0


class Example(BaseModel):
    """One field of each kind."""

    model_config = ConfigDict(extra="forbid", strict=True)

    count: Annotated[int, whole_number(1, 3)] = 1
    name: Annotated[str, must_be("a word")] = "x"
    inner: Inner = Inner()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"count": 0}, "count must be a whole number from 1 to 3"),
        ({"count": 4}, "count must be a whole number from 1 to 3"),
        ({"count": True}, "count must be a whole number from 1 to 3"),
        ({"name": 1}, "name must be a word"),
        ({"inner": {"share": 1.5}}, "inner.share must be a number from 0 to 1"),
        ({"inner": {"share": float("nan")}}, "inner.share must be a number from 0 to 1"),
        ({"inner": 1}, "inner must be an object"),
        ({"inner": {"x": 1}}, "unknown field inner.x"),
        ([], "body must be an object"),
    ],
)
def test_a_problem_is_one_sentence(values: Any, message: str) -> None:
    with pytest.raises(ValidationError) as error_info:
        Example.model_validate(values)

    assert [str(problem) for problem in problems(error_info.value)] == [message]


@pytest.mark.parametrize("values", [{"count": 1}, {"count": 3}, {"inner": {"share": 1}}, {"name": ""}])
def test_valid_values_pass(values: Any) -> None:
    Example.model_validate(values)


@pytest.mark.parametrize(("name", "valid"), [("count", "a whole number from 1 to 3"), ("name", "a word")])
def test_the_valid_values_of_a_field_are_described(name: str, valid: str) -> None:
    assert expectation(Example, name) == valid
