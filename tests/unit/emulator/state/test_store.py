"""Tests the storage of objects in memory."""

import pytest

from stripe_emulator.reference.errors import StripeApiError
from stripe_emulator.state.objects import make
from stripe_emulator.state.store import ObjectStore


def test_a_stored_object_is_not_copied() -> None:
    store, charge = ObjectStore(), make("charge")
    store.add(charge)
    charge["amount"] = 5

    assert store.get("charge", charge["id"])["amount"] == 5


@pytest.mark.parametrize(("param", "status"), [("id", 404), ("charge", 400)])
def test_a_missing_object_is_404_only_in_the_path(param: str, status: int) -> None:
    with pytest.raises(StripeApiError, match="No such charge: 'ch_1'") as error_info:
        ObjectStore().get("charge", "ch_1", param)

    assert (error_info.value.status, error_info.value.code, error_info.value.param) == (
        status,
        "resource_missing",
        param,
    )


def test_an_object_is_found_by_its_id_alone() -> None:
    store, charge = ObjectStore(), make("charge")
    store.add(charge)

    assert store.find(charge["id"]) is charge
    assert store.find("ch_1") is None


def test_a_removed_object_is_gone() -> None:
    store, charge = ObjectStore(), make("charge")
    store.add(charge)
    store.remove("charge", charge["id"])

    assert store.find(charge["id"]) is None


def test_objects_are_listed_in_both_orders() -> None:
    store = ObjectStore()
    ids = [store.add(make("charge"))["id"] for _ in range(3)]

    assert [charge["id"] for charge in store.oldest_first("charge")] == ids
    assert [charge["id"] for charge in store.newest_first("charge")] == ids[::-1]
