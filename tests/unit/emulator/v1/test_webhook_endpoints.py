"""The list of events, and who is told."""

from collections.abc import Callable
from typing import Any

import pytest

from stripe_emulator.calls.calls import Call
from stripe_emulator.reference.errors import ApiError
from stripe_emulator.state.account import Account
from stripe_emulator.state.objects import make
from stripe_emulator.v1 import webhook_endpoints

Ask = Callable[..., Call]
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
    ("params", "found"),
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
def test_events_are_found(account: Account, ask: Ask, params: dict[str, Any], found: list[str]) -> None:
    page = webhook_endpoints.list_events(account, ask(**params))

    assert [event["type"] for event in page["data"]] == found


@pytest.mark.usefixtures("_events")
def test_an_event_delivered_since_the_last_page_still_marks_where_the_next_begins(account: Account, ask: Ask) -> None:
    first = webhook_endpoints.list_events(account, ask(delivery_success=False, limit=1))["data"][0]
    account.store.get("event", first["id"])["pending_webhooks"] = 0

    page = webhook_endpoints.list_events(account, ask(delivery_success=False, starting_after=first["id"]))

    assert [event["type"] for event in page["data"]] == TYPES[:1]


@pytest.mark.parametrize(
    "params", [{"type": "a.b", "types": ["a.b"]}, {"types": [f"a.{number}" for number in range(21)]}]
)
def test_a_wrong_search_is_refused(account: Account, ask: Ask, params: dict[str, Any]) -> None:
    with pytest.raises(ApiError):
        webhook_endpoints.list_events(account, ask(**params))


def test_the_secret_is_shown_once(account: Account, ask: Ask) -> None:
    created = webhook_endpoints.create(account, ask(url="https://merchant.test/webhook", enabled_events=["*"]))

    assert created["secret"].startswith("whsec_")
    assert account.store.secrets[created["id"]] == (created["secret"],)
    assert "secret" not in webhook_endpoints.retrieve(account, ask(created["id"]))


def test_an_endpoint_can_be_changed_switched_off_and_removed(account: Account, ask: Ask) -> None:
    created = webhook_endpoints.create(account, ask(url="https://merchant.test/webhook", enabled_events=["*"]))
    changed = webhook_endpoints.update(
        account, ask(created["id"], url="https://other.test", enabled_events=["charge.failed"], disabled=True)
    )
    removed = webhook_endpoints.delete(account, ask(created["id"]))

    assert (changed["url"], changed["enabled_events"], changed["status"]) == (
        "https://other.test",
        ["charge.failed"],
        "disabled",
    )
    assert removed["deleted"]
    with pytest.raises(ApiError, match="No such webhook_endpoint"):
        webhook_endpoints.retrieve(account, ask(created["id"]))


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"enabled_events": ["*"]}, "url"),
        ({"url": "https://merchant.test"}, "enabled_events"),
        ({"url": "https://merchant.test", "enabled_events": ["*"], "api_version": "2020-01-01"}, "api_version"),
    ],
)
def test_a_wrong_endpoint_is_refused(account: Account, ask: Ask, params: dict[str, Any], param: str) -> None:
    with pytest.raises(ApiError) as refused:
        webhook_endpoints.create(account, ask(**params))

    assert refused.value.param == param


def test_a_resent_event_goes_to_the_chosen_endpoint(account: Account, ask: Ask) -> None:
    heard: list[list[str]] = []
    account.deliver = lambda _event, listeners: heard.append([one["url"] for one in listeners])
    account.listen("http://one.test", ("a",), ["*"])
    chosen = account.listen("http://two.test", ("b",), ["*"])
    event = account.emit("charge.failed", make("charge"))
    webhook_endpoints.retry_event(account, ask(event["id"], webhook_endpoint=chosen["id"]))

    assert heard == [["http://one.test", "http://two.test"], ["http://two.test"]]
