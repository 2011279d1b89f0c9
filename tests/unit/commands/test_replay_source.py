from datetime import UTC, datetime, timedelta

import pytest

from lea_payments.commands.replay_source import BadLine, ReplaySourceError, checked_types, events_in, moment, window
from lea_payments.payment.event import PaymentEvent
from lea_payments.stripe.events import Ignored
from tests.support import stripe_bodies

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "found"),
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
def test_moments_are_read_as_people_write_them(text: str, found: datetime) -> None:
    assert moment(text, NOW) == found


@pytest.mark.parametrize("text", ["", "yesterday", "2", "h", "-2h", "2y", "2026-13-01", "999999w", "9999999h"])
def test_what_is_no_moment_is_told_with_examples(text: str) -> None:
    with pytest.raises(ReplaySourceError, match=r"give 90m, 2h, 3d or 1w .* 2026-11-24"):
        moment(text, NOW)


def test_a_window_ends_now_unless_it_says_otherwise() -> None:
    now, hour = int(NOW.timestamp()), 3600

    assert window("2h", None, NOW) == (now - 2 * hour, now)
    assert window("2h", "1h", NOW) == (now - 2 * hour, now - hour)
    assert window("30d", None, NOW) == (now - 30 * 24 * hour, now)


@pytest.mark.parametrize(
    ("since", "until", "said"),
    [
        ("31d", None, r"keeps events for 30 days: begin at 2026-10-25T12:00:00Z or later"),
        ("1h", "2h", "nothing lies between"),
        ("2026-12-01", None, "nothing lies between"),
    ],
)
def test_a_window_that_cannot_be_is_explained(since: str, until: str | None, said: str) -> None:
    with pytest.raises(ReplaySourceError, match=said):
        window(since, until, NOW)


def test_types_are_those_that_we_use() -> None:
    assert checked_types(["charge.refunded", "charge.refunded"]) == ("charge.refunded",)
    with pytest.raises(ReplaySourceError, match=r"charge\.fialed: no type .* checkout\.session\.completed"):
        checked_types(["charge.refunded", "charge.fialed"])


def test_a_bad_line_is_named_and_stops_no_other() -> None:
    paid, other = stripe_bodies.completed("payment_1"), stripe_bodies.event("charge.failed", {"id": "ch_1"})
    lines = [paid, b"", b"{", other, b"\xff", b'{"object": "list"}', stripe_bodies.expired("payment_2")]

    found = list(events_in(lines, livemode=False))

    kinds = [type(one) for one in found]
    assert kinds == [PaymentEvent, BadLine, Ignored, BadLine, BadLine, PaymentEvent]
    assert [one.number for one in found if isinstance(one, BadLine)] == [3, 5, 6]
