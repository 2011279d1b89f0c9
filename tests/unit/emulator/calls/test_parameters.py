"""Tests the parameters of calls and Stripe's errors about them."""

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from stripe_emulator.calls.parameters import (
    Currency,
    Flag,
    Integer,
    MetadataParameters,
    Parameters,
    Text,
    Texts,
    Url,
    form_list,
    read,
)
from stripe_emulator.reference.errors import StripeApiError


class Item(Parameters):
    """One item of a list."""

    quantity: Integer


class Branch(Parameters):
    """A nested object."""

    name: Text | None = None


class Example(MetadataParameters):
    """One parameter of each type."""

    amount: Annotated[Integer, Field(ge=0)] | None = None
    limit: Annotated[Integer, Field(le=100)] | None = None
    active: Flag | None = None
    url: Url | None = None
    id: Annotated[str, Field(max_length=200)] | None = None
    currency: Currency | None = None
    reason: Literal["duplicate", "fraudulent"] | None = None
    types: Texts | None = None
    items: Annotated[list[Item], form_list(dict)] | None = None
    data: Branch | None = None


class Required(Parameters):
    """One required parameter."""

    name: Text


@pytest.mark.parametrize("values", [{}, {"name": ""}], ids=["absent", "empty"])
def test_a_required_parameter_must_be_present(values: dict[str, Any]) -> None:
    with pytest.raises(StripeApiError) as error_info:
        read(Required, values)

    assert (error_info.value.code, error_info.value.param) == ("parameter_missing", "name")
    assert error_info.value.message == "Missing required param: name."


INVALID = "parameter_invalid_integer"


@pytest.mark.parametrize(
    ("values", "code", "param", "message"),
    [
        ({"amount": "1.5"}, INVALID, "amount", "Invalid integer: 1.5"),
        ({"amount": "٣"}, INVALID, "amount", "Invalid integer: ٣"),
        ({"amount": "1_000"}, INVALID, "amount", "Invalid integer: 1_000"),
        ({"amount": " 1"}, INVALID, "amount", "Invalid integer:  1"),
        ({"amount": {"a": "1"}}, None, "amount", "Invalid string: {'a': '1'}"),
        ({"amount": "-1"}, INVALID, "amount", "This value must be greater than or equal to 0."),
        ({"limit": "101"}, INVALID, "limit", "This value must be less than or equal to 100."),
        ({"active": "yes"}, None, "active", "Invalid active: must be one of true, false"),
        ({"active": {"a": "b"}}, None, "active", "Invalid string: {'a': 'b'}"),
        ({"reason": {"a": "b"}}, None, "reason", "Invalid string: {'a': 'b'}"),
        ({"active": "1"}, None, "active", "Invalid active: must be one of true, false"),
        ({"url": "merchant.test"}, "url_invalid", "url", "Not a valid URL"),
        ({"url": "ftp://merchant.test"}, "url_invalid", "url", "Not a valid URL"),
        ({"url": "http://[broken"}, "url_invalid", "url", "Not a valid URL"),
        ({"id": "x" * 201}, None, "id", "Invalid string: xxxxxxxxxx…; must be at most 200 characters"),
        ({"id": {"a": "b"}}, None, "id", "Invalid string: {'a': 'b'}"),
        ({"currency": "abc"}, None, "currency", "Invalid currency: abc"),
        ({"reason": "x"}, None, "reason", "Invalid reason: must be one of duplicate, fraudulent"),
        ({"types": "card"}, None, "types", "Invalid array"),
        ({"types": {"0": {"a": "b"}}}, None, "types", "Invalid array"),
        ({"items": {"0": "x"}}, None, "items", "Invalid array"),
        ({"items": {"a": "b"}}, None, "items", "Invalid array"),
        ({"items": {"0": {"quantity": "none"}}}, INVALID, "items[0][quantity]", "Invalid integer: none"),
        ({"data": "x"}, None, "data", "Invalid object"),
        ({"metadata": "x"}, None, "metadata", "Invalid object"),
        (
            {"metadata": {"k": "v" * 501}},
            None,
            "metadata[k]",
            "Invalid string: vvvvvvvvvv…; must be at most 500 characters",
        ),
        (
            {"metadata": {"k" * 41: "v"}},
            None,
            f"metadata[{'k' * 41}]",
            f"Metadata keys can have up to 40 characters: {'k' * 41}",
        ),
        (
            {"metadata": {str(n): "v" for n in range(51)}},
            None,
            "metadata",
            "You can only have up to 50 metadata keys, but you passed 51.",
        ),
    ],
)
def test_an_invalid_parameter_is_named(values: dict[str, Any], code: str | None, param: str, message: str) -> None:
    with pytest.raises(StripeApiError) as error_info:
        read(Example, values)

    assert (error_info.value.code, error_info.value.param, error_info.value.message) == (code, param, message)


def test_an_unknown_parameter_is_refused_at_any_depth() -> None:
    with pytest.raises(StripeApiError, match=r"data\[nmae\]") as error_info:
        read(Example, {"data": {"name": "x", "nmae": "y"}})

    assert (error_info.value.code, error_info.value.param) == ("parameter_unknown", "data[nmae]")


def test_an_invalid_parameter_is_reported_before_an_unknown_one() -> None:
    with pytest.raises(StripeApiError) as error_info:
        read(Example, {"data": {"nmae": "y"}, "types": "card"})

    assert error_info.value.param == "types"


def test_absent_parameters_are_none() -> None:
    params = read(Example, {})

    assert set(params.model_dump().values()) == {None}
    assert params.given() == {}


def test_an_empty_parameter_is_given_as_none() -> None:
    params = read(Example, {"url": "", "data": {"name": ""}})

    assert params.given() == {"url": None, "data": {"name": None}}


def test_values_become_python_values() -> None:
    params = read(Example, {"amount": "12", "active": "false", "types": {"0": "card", "1": "link"}, "currency": "SGD"})

    assert (params.amount, params.active, params.types, params.currency) == (12, False, ["card", "link"], "sgd")


def test_a_url_keeps_its_placeholder() -> None:
    url = "https://merchant.test/success?id={CHECKOUT_SESSION_ID}"

    assert read(Example, {"url": url}).url == url


def test_metadata_keys_may_be_numbers() -> None:
    assert read(Example, {"metadata": {"0": "a", "1": "b"}}).metadata == {"0": "a", "1": "b"}


@pytest.mark.parametrize(
    ("values", "merged"),
    [({}, {"a": "1", "b": "2"}), ({"metadata": {"a": "", "c": "3"}}, {"b": "2", "c": "3"}), ({"metadata": ""}, {})],
    ids=["nothing", "one removed, one added", "all cleared"],
)
def test_metadata_updates_merge(values: dict[str, Any], merged: dict[str, str]) -> None:
    assert read(Example, values).merged_metadata({"a": "1", "b": "2"}) == merged
