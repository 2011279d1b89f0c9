"""The event log."""

import json
from typing import Any

import pytest

from stripe_emulator.settings import Settings
from stripe_emulator.state.account import Account, Clock, wants
from stripe_emulator.state.objects import make

Json = dict[str, Any]


def test_an_event_is_a_snapshot(account: Account, emitted: Any) -> None:
    thing = make("product", name="before")
    account.emit("product.created", thing)
    thing["name"] = "after"

    assert emitted.last("product.created")["name"] == "before"


def test_an_event_says_what_stripe_s_events_say(account: Account) -> None:
    account.listen("http://merchant.test", ("whsec_a",), ["*"])
    with account.caused_by("req_1", "key_1"):
        event = account.emit("product.updated", make("product"), {"name": "old"})
    later = account.emit("product.updated", make("product"))

    assert (event["object"], event["api_version"], event["livemode"]) == ("event", "2026-10-28.endive", False)
    assert (event["created"], event["pending_webhooks"]) == (account.now(), 1)
    assert event["request"] == {"id": "req_1", "idempotency_key": "key_1"}
    assert event["data"]["previous_attributes"] == {"name": "old"}
    assert later["request"] == {"id": None, "idempotency_key": None}


def test_the_body_is_written_once_and_is_the_event(account: Account) -> None:
    event = account.emit("product.created", make("product"))
    body = account.store.bodies[event["id"]]
    event["pending_webhooks"] = 7

    assert json.loads(body) == event | {"pending_webhooks": 0}


@pytest.mark.parametrize(
    ("enabled", "status", "told"),
    [
        (["*"], "enabled", True),
        (["charge.failed"], "enabled", False),
        (["charge.failed", "product.created"], "enabled", True),
        (["*"], "disabled", False),
    ],
)
def test_an_endpoint_hears_what_it_asked_for(enabled: list[str], status: str, *, told: bool) -> None:
    endpoint = make("webhook_endpoint", enabled_events=enabled, status=status)

    assert wants(endpoint, "product.created") == told


def test_only_those_who_listen_are_handed_to_delivery() -> None:
    heard: list[list[Json]] = []
    account = Account(Settings(), lambda _event, endpoints: heard.append(endpoints))
    listening = account.listen("http://one.test", ("a",), ["product.created"])
    account.listen("http://other.test", ("b",), ["charge.failed"])

    account.emit("product.created", make("product"))

    assert heard == [[listening]]


def test_time_is_in_whole_seconds_and_can_be_set_ahead() -> None:
    clock = Clock(read=lambda: 1_800_000_000.9)
    clock.ahead = 60

    assert clock.now() == 1_800_000_060
    assert clock.year_and_month() == (2027, 1)
