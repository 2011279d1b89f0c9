"""Tests webhook endpoints through the API."""

from collections.abc import Callable
from typing import Any

import pytest

from stripe_emulator.calls.call import ApiCall
from stripe_emulator.reference.errors import StripeApiError
from stripe_emulator.state.account import Account
from stripe_emulator.v1 import webhook_endpoints

MakeCall = Callable[..., ApiCall]


def test_the_secret_is_returned_only_at_creation(account: Account, call: MakeCall) -> None:
    created = webhook_endpoints.create(account, call(url="https://merchant.test/webhook", enabled_events=["*"]))

    assert created["secret"].startswith("whsec_")
    assert account.store.secrets[created["id"]] == (created["secret"],)
    assert "secret" not in webhook_endpoints.retrieve(account, call(created["id"]))


def test_an_endpoint_can_be_changed_and_deleted(account: Account, call: MakeCall) -> None:
    created = webhook_endpoints.create(account, call(url="https://merchant.test/webhook", enabled_events=["*"]))
    changed = webhook_endpoints.update(
        account, call(created["id"], url="https://other.test", enabled_events=["charge.failed"], disabled=True)
    )
    removed = webhook_endpoints.delete(account, call(created["id"]))

    assert (changed["url"], changed["enabled_events"], changed["status"]) == (
        "https://other.test",
        ["charge.failed"],
        "disabled",
    )
    assert removed["deleted"]
    with pytest.raises(StripeApiError, match="No such webhook_endpoint"):
        webhook_endpoints.retrieve(account, call(created["id"]))


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"enabled_events": ["*"]}, "url"),
        ({"url": "https://merchant.test"}, "enabled_events"),
        ({"url": "https://merchant.test", "enabled_events": ["*"], "api_version": "2020-01-01"}, "api_version"),
    ],
)
def test_an_invalid_endpoint_names_its_parameter(
    account: Account, call: MakeCall, params: dict[str, Any], param: str
) -> None:
    with pytest.raises(StripeApiError) as error_info:
        webhook_endpoints.create(account, call(**params))

    assert error_info.value.param == param


def test_an_empty_update_changes_nothing(account: Account, call: MakeCall) -> None:
    created = webhook_endpoints.create(account, call(url="https://merchant.test", enabled_events=["*"]))
    before = dict(webhook_endpoints.retrieve(account, call(created["id"])))
    webhook_endpoints.update(account, call(created["id"]))

    assert webhook_endpoints.list_all(account, call())["data"] == [before]


def test_a_description_can_be_changed_and_unset(account: Account, call: MakeCall) -> None:
    created = webhook_endpoints.create(account, call(url="https://merchant.test", enabled_events=["*"]))
    described = webhook_endpoints.update(account, call(created["id"], description="Shop"))["description"]
    unset = webhook_endpoints.update(account, call(created["id"], description=""))["description"]

    assert (described, unset) == ("Shop", None)


@pytest.mark.parametrize(("params", "origins"), [({}, ("self",)), ({"connect": True}, ("connected",))])
def test_an_endpoint_may_be_for_connected_accounts(
    account: Account, call: MakeCall, params: dict[str, Any], origins: tuple[str, ...]
) -> None:
    created = webhook_endpoints.create(account, call(url="https://merchant.test", enabled_events=["*"], **params))

    assert account.store.origins[created["id"]] == origins
