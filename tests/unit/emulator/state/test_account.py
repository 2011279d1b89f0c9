"""Tests the clock and the events of an account."""

import json
from typing import Any

import pytest

from stripe_emulator.settings import Settings
from stripe_emulator.state.account import Account, Clock, subscribes
from stripe_emulator.state.objects import make

Json = dict[str, Any]
NOON = 1_800_000_000


def test_an_event_is_a_snapshot(account: Account, event_log: Any) -> None:
    thing = make("product", name="before")
    account.emit("product.created", thing)
    thing["name"] = "after"

    assert event_log.last("product.created")["name"] == "before"


def test_an_event_has_the_fields_of_stripes_events(account: Account) -> None:
    account.add_endpoint("http://merchant.test", ("whsec_a",), ["*"])
    with account.caused_by("req_1", "key_1"):
        event = account.emit("product.updated", make("product"), {"name": "old"})
    later = account.emit("product.updated", make("product"))

    assert (event["object"], event["api_version"], event["livemode"]) == ("event", "2026-10-28.endive", False)
    assert (event["created"], event["pending_webhooks"]) == (account.now(), 1)
    assert event["request"] == {"id": "req_1", "idempotency_key": "key_1"}
    assert event["data"]["previous_attributes"] == {"name": "old"}
    assert later["request"] == {"id": None, "idempotency_key": None}


def test_the_body_is_the_event_at_its_creation(account: Account) -> None:
    event = account.emit("product.created", make("product"))
    body = account.store.bodies[event["id"]]
    event["pending_webhooks"] = 7

    assert json.loads(body) == event | {"pending_webhooks": 0}


@pytest.mark.parametrize(
    ("enabled", "status", "subscribed"),
    [
        (["*"], "enabled", True),
        (["charge.failed"], "enabled", False),
        (["charge.failed", "product.created"], "enabled", True),
        (["*"], "disabled", False),
    ],
)
def test_an_enabled_endpoint_receives_its_event_types(enabled: list[str], status: str, *, subscribed: bool) -> None:
    endpoint = make("webhook_endpoint", enabled_events=enabled, status=status)

    assert subscribes(endpoint, "product.created") == subscribed


def test_only_subscribed_endpoints_get_the_event() -> None:
    deliveries: list[list[Json]] = []
    account = Account(Settings(), lambda _event, endpoints: deliveries.append(endpoints))
    subscriber = account.add_endpoint("http://one.test", ("a",), ["product.created"])
    account.add_endpoint("http://other.test", ("b",), ["charge.failed"])

    account.emit("product.created", make("product"))

    assert deliveries == [[subscriber]]


def test_time_is_in_whole_seconds_and_can_be_set_ahead() -> None:
    clock = Clock(read=lambda: 1_800_000_000.9)
    clock.ahead = 60

    assert clock.now() == 1_800_000_060
    assert clock.year_and_month() == (2027, 1)


@pytest.mark.parametrize(
    ("bound", "emulated"),
    [
        (NOON - 1, NOON - 1),
        (NOON, NOON + 60),
        (NOON + 9, NOON + 9 + 60),
        (NOON + 10, NOON + 10 + 3660),
        (NOON + 20, NOON + 20 + 3660),
        (NOON + 21, NOON + 21),
    ],
    ids=["before", "first move", "between", "second move", "the caller's now", "an object's time"],
)
def test_an_upper_bound_is_on_the_callers_clock(bound: int, emulated: int) -> None:
    clock = Clock(read=lambda: NOON)
    clock.advance(60)
    clock.read = lambda: NOON + 10
    clock.advance(3600)
    clock.read = lambda: NOON + 20

    assert clock.upper_bound(bound) == emulated


def test_an_event_is_resent_to_all_subscribers_or_to_one() -> None:
    deliveries: list[list[str]] = []
    account = Account(Settings(), lambda _event, endpoints: deliveries.append([one["url"] for one in endpoints]))
    account.add_endpoint("http://one.test", ("a",), ["*"])
    chosen = account.add_endpoint("http://two.test", ("b",), ["*"])
    event = account.emit("charge.failed", make("charge"))

    assert (account.resend(event), account.resend(event, chosen["id"])) == (2, 1)
    assert deliveries[1:] == [["http://one.test", "http://two.test"], ["http://two.test"]]


@pytest.mark.parametrize(
    ("origin", "receivers"),
    [
        ({"account": "acct_1"}, ["http://both.test", "http://connect.test"]),
        ({"context": "acct_1"}, ["http://both.test", "http://own.test"]),
        ({}, ["http://both.test", "http://own.test"]),
    ],
    ids=["connected account", "context", "own account"],
)
def test_a_copy_goes_to_the_endpoints_of_its_origin(origin: Json, receivers: list[str]) -> None:
    deliveries: list[list[str]] = []
    account = Account(Settings(), lambda _event, endpoints: deliveries.append([one["url"] for one in endpoints]))
    account.add_endpoint("http://both.test", ("a",), ["*"], origins=("self", "connected"))
    account.add_endpoint("http://own.test", ("a",), ["*"])
    account.add_endpoint("http://connect.test", ("a",), ["*"], origins=("connected",))
    event = account.emit("charge.failed", make("charge"))
    copied = account.emit_copy(event, origin)

    assert deliveries[-1] == receivers
    assert account.resend(copied) == copied["pending_webhooks"] == 2


def test_a_copy_is_an_event_of_its_own(account: Account) -> None:
    event = account.emit("charge.failed", make("charge"), {"status": "pending"})
    copied = account.emit_copy(event, {"account": "acct_1", "livemode": True})

    assert copied["id"] != event["id"]
    assert (copied["account"], copied["livemode"], copied["data"]) == ("acct_1", True, event["data"])
    assert json.loads(account.store.bodies[copied["id"]])["account"] == "acct_1"
    assert "account" not in event
