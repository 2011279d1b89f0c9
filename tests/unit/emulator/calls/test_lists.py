"""Tests the pages and filters of list calls."""

from collections.abc import Callable
from typing import Any

import pytest

from stripe_emulator.calls import lists
from stripe_emulator.calls.call import ApiCall
from stripe_emulator.reference.errors import StripeApiError
from stripe_emulator.state import objects
from stripe_emulator.state.account import Account

MakeCall = Callable[..., ApiCall]


@pytest.fixture
def products(account: Account) -> list[dict[str, Any]]:
    """Five products, newest first."""
    oldest_first = [account.store.add(objects.make("product", id=f"prod_{n}", created=n)) for n in range(5)]
    return oldest_first[::-1]


def ids(page: dict[str, Any]) -> str:
    return "".join(thing["id"][-1] for thing in page["data"])


@pytest.mark.usefixtures("products")
@pytest.mark.parametrize(
    ("params", "matches", "has_more"),
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
def test_the_parameters_select_a_page(
    account: Account, call: MakeCall, params: dict[str, Any], matches: str, *, has_more: bool
) -> None:
    page = lists.page(account, call(**params), "product")

    assert (ids(page), page["has_more"]) == (matches, has_more)


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
def test_invalid_page_parameters_are_refused(
    account: Account, call: MakeCall, params: dict[str, Any], param: str
) -> None:
    with pytest.raises(StripeApiError) as error_info:
        lists.page(account, call(**params), "product")

    assert error_info.value.param == param


NOW = 1_800_000_000


@pytest.mark.parametrize(
    ("created", "matches"),
    [
        ({"gte": NOW - 3600, "lte": NOW}, "21"),
        ({"gte": NOW - 3600, "lt": NOW}, "1"),
        ({"gte": NOW - 3600}, "21"),
        ({"gt": NOW, "lte": NOW}, "2"),
        ({"gte": NOW - 3600, "lte": NOW - 1}, "1"),
        ({"lte": NOW + 86_399}, "1"),
        (NOW + 86_400, "2"),
    ],
    ids=str,
)
def test_a_list_until_now_has_what_was_created_after_an_advance(
    account: Account, call: MakeCall, created: Any, matches: str
) -> None:
    account.store.add(objects.make("product", id="prod_1", created=NOW - 60))
    account.clock.advance(86_400)
    account.store.add(objects.make("product", id="prod_2", created=account.now()))

    assert ids(lists.page(account, call(created=created), "product")) == matches
