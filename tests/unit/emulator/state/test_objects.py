"""Tests new objects."""

import pytest

from stripe_emulator.reference.shapes import ID_LENGTHS, SHAPES
from stripe_emulator.state import objects


def test_an_unpublished_field_is_refused() -> None:
    with pytest.raises(ValueError, match="no field colour"):
        objects.make("product", colour="red")


def test_two_objects_share_nothing() -> None:
    one, other = objects.make("payment_intent"), objects.make("payment_intent")
    one["metadata"]["a"] = "b"

    assert other["metadata"] == {}
    assert one["id"] != other["id"]


@pytest.mark.parametrize("kind", SHAPES)
def test_a_new_object_has_an_id_and_all_published_fields(kind: str) -> None:
    assert objects.make(kind).keys() == {"id", *SHAPES[kind]}


@pytest.mark.parametrize("prefix", ["pi", *ID_LENGTHS])
def test_an_id_has_the_length_of_its_prefix(prefix: str) -> None:
    assert len(objects.new_id(prefix)) == len(prefix) + 1 + ID_LENGTHS.get(prefix, 24)


def test_a_list_names_its_url() -> None:
    page = objects.listing("/v1/charges", [{"id": "ch_1"}], has_more=True)

    assert page == {"object": "list", "data": [{"id": "ch_1"}], "has_more": True, "url": "/v1/charges"}
