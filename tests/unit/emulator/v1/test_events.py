"""Tests events through the API."""

from collections.abc import Callable
from typing import Any

import pytest

from stripe_emulator.calls.call import ApiCall
from stripe_emulator.reference.errors import StripeApiError
from stripe_emulator.state.account import Account
from stripe_emulator.state.objects import make
from stripe_emulator.v1 import events

MakeCall = Callable[..., ApiCall]
TYPES = ["charge.succeeded", "charge.failed", "checkout.session.completed"]


@pytest.fixture
def _events(account: Account) -> None:
    for event_type in TYPES:
        account.emit(event_type, make("product"))
        account.clock.ahead += 10
    delivered = next(account.store.newest_first("event"))
    others = [event for event in account.store.oldest_first("event") if event is not delivered]
    for event in others:
        event["pending_webhooks"] = 1


@pytest.mark.usefixtures("_events")
@pytest.mark.parametrize(
    ("params", "types"),
    [
        ({}, TYPES[::-1]),
        ({"type": "charge.failed"}, TYPES[1:2]),
        ({"type": "charge.*"}, TYPES[1::-1]),
        ({"types": ["charge.failed", "checkout.session.completed"]}, TYPES[:0:-1]),
        ({"delivery_success": True}, TYPES[2:]),
        ({"delivery_success": False}, TYPES[1::-1]),
        ({"created": {"gte": 1_800_000_010}}, TYPES[:0:-1]),
        ({"created": {"gt": 1_800_000_010, "lt": 1_800_000_020}}, []),
        ({"limit": 1}, TYPES[2:]),
    ],
)
def test_events_are_filtered(account: Account, call: MakeCall, params: dict[str, Any], types: list[str]) -> None:
    page = events.list_all(account, call(**params))

    assert [event["type"] for event in page["data"]] == types


@pytest.mark.usefixtures("_events")
def test_a_cursor_need_not_match_the_filter_any_more(account: Account, call: MakeCall) -> None:
    first = events.list_all(account, call(delivery_success=False, limit=1))["data"][0]
    account.store.get("event", first["id"])["pending_webhooks"] = 0

    page = events.list_all(account, call(delivery_success=False, starting_after=first["id"]))

    assert [event["type"] for event in page["data"]] == TYPES[:1]


@pytest.mark.parametrize(
    "params", [{"type": "a.b", "types": ["a.b"]}, {"types": [f"a.{number}" for number in range(21)]}]
)
def test_invalid_filters_are_refused(account: Account, call: MakeCall, params: dict[str, Any]) -> None:
    with pytest.raises(StripeApiError):
        events.list_all(account, call(**params))


def test_an_event_is_resent_to_the_chosen_endpoint(account: Account, call: MakeCall) -> None:
    deliveries: list[list[str]] = []
    account.deliver = lambda _event, endpoints: deliveries.append([one["url"] for one in endpoints])
    account.add_endpoint("http://one.test", ("a",), ["*"])
    chosen = account.add_endpoint("http://two.test", ("b",), ["*"])
    event = account.emit("charge.failed", make("charge"))
    events.retry(account, call(event["id"], webhook_endpoint=chosen["id"]))

    assert deliveries == [["http://one.test", "http://two.test"], ["http://two.test"]]


def test_an_event_is_retrieved(account: Account, call: MakeCall) -> None:
    event = account.emit("charge.failed", make("charge"))

    assert events.retrieve(account, call(event["id"])) is event


def test_events_of_connected_accounts_are_not_listed(account: Account, call: MakeCall) -> None:
    own = account.emit("charge.failed", make("charge"))
    connected = account.emit_copy(own, {"account": "acct_1"})

    assert events.list_all(account, call())["data"] == [own]
    assert events.retrieve(account, call(connected["id"])) is connected
