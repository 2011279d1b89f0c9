"""Tests the decoding of Stripe's form encoding, with forms from the official package."""

from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stripe._encode import _api_encode

from stripe_emulator.calls import forms

NAMES = st.text("abcdefgh_", min_size=1, max_size=3)
VALUES = st.recursive(
    st.text(max_size=5),
    lambda inner: st.lists(inner, min_size=1, max_size=3) | st.dictionaries(NAMES, inner, min_size=1, max_size=3),
    max_leaves=6,
)


def indexed(value: Any) -> Any:
    """Return the value with lists as parse() returns them: by index."""
    if isinstance(value, list):
        return {str(place): indexed(item) for place, item in enumerate(value)}
    return {name: indexed(item) for name, item in value.items()} if isinstance(value, dict) else value


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(NAMES, VALUES, max_size=3))
def test_the_encoding_of_the_official_package_is_decoded(params: dict[str, Any]) -> None:
    encoded = urlencode(list(_api_encode(params)))

    assert forms.parse(encoded) == indexed(params)


def test_empty_brackets_append() -> None:
    assert forms.as_list(forms.parse("expand[]=a&expand[]=b")["expand"]) == ["a", "b"]


def test_empty_brackets_fill_an_item_until_a_key_repeats() -> None:
    items = forms.parse("i[][price]=a&i[][quantity]=1&i[][price]=b")["i"]

    assert forms.as_list(items) == [{"price": "a", "quantity": "1"}, {"price": "b"}]


def test_items_are_in_the_order_of_their_indexes() -> None:
    assert forms.as_list(forms.parse("t[10]=c&t[2]=b&t[0]=a")["t"]) == ["a", "b", "c"]


def test_a_branch_with_another_key_is_not_a_list() -> None:
    assert forms.as_list({"0": "a", "name": "b"}) is None


@pytest.mark.parametrize("broken", ["a=1&a[b]=2", "a[b]=2&a=1", "a[b=1", "[a]=1", "a[b]c=1", "a" + "[b]" * 21 + "=1"])
def test_malformed_names_are_refused(broken: str) -> None:
    with pytest.raises(forms.FormError):
        forms.parse(broken)
