import json
from datetime import UTC, datetime, timedelta

import pytest

from lea_payments.commands.replaying.event_file import EventText, MoreEvents
from lea_payments.commands.replaying.source import (
    ReplaySourceError,
    Unreadable,
    UnreadableObjects,
    checked_types,
    days,
    is_event_id,
    parse_time,
    translated,
    window,
)
from lea_payments.payment.event import PaymentEvent
from lea_payments.stripe.events import Ignored
from tests.support import stripe_bodies

ACCOUNTS = ("acct_1", "acct_2", None)
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("90m", NOW - timedelta(minutes=90)),
        ("2h", NOW - timedelta(hours=2)),
        ("3d", NOW - timedelta(days=3)),
        ("1w", NOW - timedelta(weeks=1)),
        (" 2026-11-20 ", datetime(2026, 11, 20, tzinfo=UTC)),
        ("2026-11-20T08:00:00Z", datetime(2026, 11, 20, 8, tzinfo=UTC)),
        ("2026-11-20T08:00:00+08:00", datetime(2026, 11, 20, tzinfo=UTC)),
        ("2026-11-20 08:30", datetime(2026, 11, 20, 8, 30, tzinfo=UTC)),
    ],
)
def test_times_are_parsed(text: str, time: datetime) -> None:
    assert parse_time(text, NOW) == time


@pytest.mark.parametrize("text", ["", "yesterday", "2", "h", "-2h", "2y", "2026-13-01", "999999w", "9999999h"])
def test_an_invalid_time_is_answered_with_examples(text: str) -> None:
    with pytest.raises(ReplaySourceError, match=r"is not a valid time: use 90m, 2h, 3d or 1w, .* 2026-11-24"):
        parse_time(text, NOW)


def test_a_window_ends_now_by_default() -> None:
    now, hour = int(NOW.timestamp()), 3600

    assert window("2h", None, NOW) == (now - 2 * hour, now)
    assert window("2h", "1h", NOW) == (now - 2 * hour, now - hour)
    assert window("30d", None, NOW) == (now - 30 * 24 * hour, now)


@pytest.mark.parametrize(
    ("since", "until", "message"),
    [
        ("31d", None, r"keeps events for 30 days: start at 2026-10-25T12:00:00Z or later"),
        ("1h", "2h", "the time range is empty: it starts at 2026-11-24T11:00:00Z and ends at 2026-11-24T10"),
        ("2026-12-01", None, "the time range is empty"),
    ],
)
def test_an_impossible_window_is_explained(since: str, until: str | None, message: str) -> None:
    with pytest.raises(ReplaySourceError, match=message):
        window(since, until, NOW)


def test_an_unknown_event_type_is_rejected() -> None:
    assert checked_types(["charge.refunded", "charge.refunded"]) == ("charge.refunded",)
    with pytest.raises(
        ReplaySourceError, match=r"charge\.fialed: unknown event type, use one of .*checkout\.session\.completed"
    ):
        checked_types(["charge.refunded", "charge.fialed"])


def test_events_of_another_account_are_not_replayed() -> None:
    paid = json.loads(stripe_bodies.completed("payment_1"))
    texts = [EventText(account or "none", json.dumps(paid | {"account": account}).encode()) for account in ACCOUNTS]

    kinds = [type(item) for item in translated(texts, (), livemode=False, account="acct_1")]

    assert kinds == [PaymentEvent, Ignored, PaymentEvent]


@pytest.mark.parametrize(
    ("source", "is_id"),
    [("evt_1Pq", True), ("evt_", False), ("evt_1.json", False), ("./evt_1", False), ("-", False), ("evt_é", False)],
)
def test_the_id_of_an_event_is_not_a_file(source: str, *, is_id: bool) -> None:
    assert is_event_id(source) is is_id


def _texts() -> list[EventText]:
    other = stripe_bodies.event("charge.failed", {"id": "ch_1"})
    bodies = [stripe_bodies.completed("payment_1"), b"{", other, b"\xff", b"{}", stripe_bodies.expired("payment_2")]
    return [EventText(f"line {number}", body) for number, body in enumerate(bodies, 1)]


def test_an_unreadable_event_does_not_stop_the_others() -> None:
    items = list(translated(_texts(), (), livemode=False))

    kinds = [type(item) for item in items]
    assert kinds == [PaymentEvent, Unreadable, Ignored, Unreadable, Unreadable, PaymentEvent]
    assert [item.place for item in items if isinstance(item, Unreadable)] == ["line 2", "line 4", "line 5"]


def test_only_events_of_the_selected_types_are_translated() -> None:
    items = list(translated(_texts(), ["checkout.session.expired"], livemode=False))

    assert [item.type for item in items if isinstance(item, PaymentEvent)] == ["checkout.session.expired"]
    assert len(items) == 4


def test_a_list_with_more_events_stays_in_the_source() -> None:
    more = MoreEvents("line 1", "evt_1")

    assert list(translated([more], ["checkout.session.expired"], livemode=False)) == [more]


def test_the_days_cover_the_time_once_oldest_first() -> None:
    day = 24 * 3600

    assert list(days(0, 2 * day + 5)) == [(0, day - 1), (day, 2 * day - 1), (2 * day, 2 * day + 5)]
    assert list(days(7, 7)) == [(7, 7)]


def test_unreadable_objects_are_taken_once() -> None:
    objects = UnreadableObjects()
    objects.add("event", "no id")

    assert [objects.taken(), objects.taken()] == [[Unreadable("event at Stripe", "no id")], []]
