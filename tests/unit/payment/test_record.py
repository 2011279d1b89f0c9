from datetime import UTC, datetime, timedelta, timezone

import pytest

from lea_payments.payment.record import DisputeStatus, Payment, Status, attempt_at, iso


def test_the_published_statuses_are_these_four() -> None:
    assert [status.value for status in Status] == ["pending", "completed", "failed", "expired"]


def test_the_published_statuses_of_disputes_are_these_five() -> None:
    assert [status.value for status in DisputeStatus] == ["none", "open", "review", "won", "lost"]


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 1, 1, 8, 0, 0, 5_999, tzinfo=UTC),
        datetime(2026, 1, 1, 16, 0, 0, 5_999, tzinfo=timezone(timedelta(hours=8))),
    ],
    ids=["utc", "singapore"],
)
def test_a_time_is_stored_in_utc_with_milliseconds(moment: datetime) -> None:
    assert iso(moment) == "2026-01-01T08:00:00.005Z"


@pytest.mark.parametrize("microsecond", [0, 1, 999, 1_000, 100_000, 999_999])
@pytest.mark.parametrize("year", [1, 1970, 2026, 9999])
def test_a_stored_time_always_has_three_decimals(year: int, microsecond: int) -> None:
    moment = datetime(year, 12, 31, 23, 59, 59, microsecond, tzinfo=UTC)

    assert iso(moment) == moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_an_attempt_begins_at_the_stored_time() -> None:
    record = Payment(payment_intent_id="payment_1", checkout_attempt_at="2026-01-01T08:00:00.005Z")

    assert attempt_at(record) == datetime(2026, 1, 1, 8, 0, 0, 5_000, tzinfo=UTC)


@pytest.mark.parametrize("text", [None, "", "yesterday"])
def test_an_attempt_without_a_readable_time_began_in_1970(text: str | None) -> None:
    record = Payment(payment_intent_id="payment_1", checkout_attempt_at=text)

    assert attempt_at(record) == datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59+00:00", "9999-12-31T23:59:59-05:00", "soon"])
def test_a_time_out_of_range_counts_as_unknown(text: str) -> None:
    assert attempt_at(Payment(payment_intent_id="payment_1", checkout_attempt_at=text)).year == 1970
