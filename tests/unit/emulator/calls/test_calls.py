"""Pages of lists, filters by time, and expansion."""

from collections.abc import Callable
from typing import Any

import pytest

from stripe_emulator.calls import calls
from stripe_emulator.calls.calls import Call
from stripe_emulator.reference.errors import ApiError
from stripe_emulator.state import objects
from stripe_emulator.state.account import Account

Ask = Callable[..., Call]


@pytest.fixture
def products(account: Account) -> list[dict[str, Any]]:
    """Five products, the newest first as Stripe lists them."""
    made = [account.store.add(objects.make("product", id=f"prod_{n}", created=n)) for n in range(5)]
    return made[::-1]


def ids(page: dict[str, Any]) -> str:
    return "".join(thing["id"][-1] for thing in page["data"])


@pytest.mark.usefixtures("products")
@pytest.mark.parametrize(
    ("params", "found", "has_more"),
    [
        ({}, "43210", False),
        ({"limit": 2}, "43", True),
        ({"limit": 5}, "43210", False),
        ({"limit": 2, "starting_after": "prod_3"}, "21", True),
        ({"limit": 2, "starting_after": "prod_2"}, "10", False),
        ({"starting_after": "prod_0"}, "", False),
        ({"limit": 2, "ending_before": "prod_1"}, "32", True),
        ({"limit": 2, "ending_before": "prod_2"}, "43", False),
        ({"ending_before": "prod_4"}, "", False),
        ({"created": 2}, "2", False),
        ({"created": {"gt": 1, "lte": 3}}, "32", False),
        ({"created": {"gte": 1, "lt": 3}}, "21", False),
    ],
)
def test_a_page_is_what_was_asked_for(
    account: Account, ask: Ask, params: dict[str, Any], found: str, *, has_more: bool
) -> None:
    page = calls.page(account, ask(**params), "product")

    assert (ids(page), page["has_more"]) == (found, has_more)


@pytest.mark.usefixtures("products")
@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 101}, "limit"),
        ({"starting_after": "prod_9"}, "starting_after"),
        ({"starting_after": "prod_1", "ending_before": "prod_3"}, "ending_before"),
        ({"created": {"after": 1}}, "created[after]"),
        ({"created": {"gt": "noon"}}, "created[gt]"),
    ],
)
def test_a_wrong_page_is_refused(account: Account, ask: Ask, params: dict[str, Any], param: str) -> None:
    with pytest.raises(ApiError) as refused:
        calls.page(account, ask(**params), "product")

    assert refused.value.param == param


def test_an_expanded_id_becomes_its_object_and_only_in_the_answer(account: Account) -> None:
    product = account.store.add(objects.make("product", name="Policy"))
    price = account.store.add(objects.make("price", product=product["id"]))

    assert calls.expanded(account, price, ["product"])["product"]["name"] == "Policy"
    assert price["product"] == product["id"]


def test_expansion_reaches_into_lists(account: Account) -> None:
    product = account.store.add(objects.make("product", name="Policy"))
    page = objects.listing("/v1/prices", [objects.make("price", product=product["id"])])

    assert calls.expanded(account, page, ["data.product"])["data"][0]["product"]["name"] == "Policy"


def test_nothing_stays_nothing_when_expanded(account: Account) -> None:
    assert calls.expanded(account, objects.make("checkout.session"), ["payment_intent"])["payment_intent"] is None


@pytest.mark.parametrize("path", ["currency", "livemode", "nonsense", "data", "product.nonsense"])
def test_what_cannot_be_expanded_is_refused(account: Account, path: str) -> None:
    product = account.store.add(objects.make("product"))
    price = objects.make("price", product=product["id"], currency="sgd")

    with pytest.raises(ApiError, match="cannot be expanded"):
        calls.expanded(account, price, [path])
