"""Parameters, and Stripe's complaints about them."""

from collections.abc import Callable
from typing import Any

import pytest

from stripe_emulator.calls.params import Params
from stripe_emulator.reference.errors import ApiError

Read = Callable[[Params], object]


@pytest.mark.parametrize(
    ("values", "read", "code", "param"),
    [
        ({}, lambda p: p.required("name"), "parameter_missing", "name"),
        ({"name": ""}, lambda p: p.required("name"), "parameter_missing", "name"),
        ({"amount": "1.5"}, lambda p: p.integer("amount"), "parameter_invalid_integer", "amount"),
        ({"amount": "٣"}, lambda p: p.integer("amount"), "parameter_invalid_integer", "amount"),
        ({"amount": "-1"}, lambda p: p.integer("amount", minimum=0), "parameter_invalid_integer", "amount"),
        ({"limit": "101"}, lambda p: p.integer("limit", maximum=100), "parameter_invalid_integer", "limit"),
        ({"active": "yes"}, lambda p: p.flag("active"), None, "active"),
        ({"url": "merchant.test"}, lambda p: p.url("url"), "url_invalid", "url"),
        ({"url": "ftp://merchant.test"}, lambda p: p.url("url"), "url_invalid", "url"),
        ({"url": "http://[broken"}, lambda p: p.url("url"), "url_invalid", "url"),
        ({"id": "x" * 201}, lambda p: p.text("id", max_length=200), None, "id"),
        ({"id": {"a": "b"}}, lambda p: p.text("id"), None, "id"),
        ({"types": "card"}, lambda p: p.texts("types"), None, "types"),
        ({"items": {"a": "b"}}, lambda p: p.children("items"), None, "items"),
        ({"data": "x"}, lambda p: p.child("data"), None, "data"),
        ({"metadata": {"k": "v" * 501}}, lambda p: p.metadata(), None, "metadata[k]"),
        ({"metadata": {"k" * 41: "v"}}, lambda p: p.metadata(), None, f"metadata[{'k' * 41}]"),
        ({"metadata": {str(n): "v" for n in range(51)}}, lambda p: p.metadata(), None, "metadata"),
    ],
)
def test_a_wrong_parameter_is_named(values: dict[str, Any], read: Read, code: str | None, param: str) -> None:
    with pytest.raises(ApiError) as refused:
        read(Params(values))

    assert (refused.value.code, refused.value.param) == (code, param)


def test_a_nested_parameter_is_named_as_it_was_written() -> None:
    items = Params({"line_items": {"0": {"quantity": "none"}}}).children("line_items")

    with pytest.raises(ApiError) as refused:
        items[0].integer("quantity")

    assert refused.value.param == "line_items[0][quantity]"


def test_what_nobody_read_is_refused_however_deep() -> None:
    params = Params({"data": {"name": "x", "nmae": "y"}})
    params.child("data").text("name")

    with pytest.raises(ApiError, match=r"data\[nmae\]"):
        params.finish()


def test_what_is_absent_reads_as_nothing() -> None:
    params = Params({})

    assert params.text("a") is None
    assert params.integer("a") is None
    assert params.flag("a") is None
    assert params.texts("a") == []
    assert params.children("a") == []
    assert params.metadata() == {}


def test_metadata_keys_may_be_numbers() -> None:
    assert Params({"metadata": {"0": "a", "1": "b"}}).metadata() == {"0": "a", "1": "b"}


@pytest.mark.parametrize(
    ("given", "left"),
    [({}, {"a": "1", "b": "2"}), ({"metadata": {"a": "", "c": "3"}}, {"b": "2", "c": "3"}), ({"metadata": ""}, {})],
    ids=["nothing", "one removed, one added", "all cleared"],
)
def test_metadata_updates_merge(given: dict[str, Any], left: dict[str, str]) -> None:
    assert Params(given).merged_metadata({"a": "1", "b": "2"}) == left
