import pytest
from hypothesis import given
from hypothesis import strategies as st

from lea_payments.checkout.waiting.schedule import (
    FIRST_PAUSE_SECONDS,
    LONGEST_PAUSE_SECONDS,
    ROUND_SECONDS,
    Schedule,
)


def test_the_first_call_starts_at_once() -> None:
    schedule = Schedule()

    assert schedule.delay(5.0, has_work=True) == schedule.delay(5.0, has_work=False) == 0


def test_without_work_the_next_call_is_that_of_a_round() -> None:
    schedule = Schedule(calls_per_second=10)
    schedule.round_starts(5.0)
    schedule.call_starts(5.0)

    assert schedule.delay(5.0, has_work=True) == pytest.approx(0.1)
    assert schedule.delay(5.0, has_work=False) == ROUND_SECONDS
    assert [schedule.is_round_due(at) for at in (5.4, 5.5)] == [False, True]


def test_pauses_grow_until_a_call_succeeds() -> None:
    schedule = Schedule()
    pauses = []
    for complete in (False, False, False, False, False, True):
        schedule.call_starts(5.0)
        schedule.call_ended(5.0, complete=complete)
        pauses.append(schedule.delay(5.0, has_work=True))

    assert pauses[:2] == [FIRST_PAUSE_SECONDS, 2 * FIRST_PAUSE_SECONDS]
    assert pauses[-2] == LONGEST_PAUSE_SECONDS
    assert pauses[-1] < FIRST_PAUSE_SECONDS


@given(
    st.lists(
        st.tuples(st.floats(0, 0.3, allow_nan=False), st.booleans(), st.booleans(), st.floats(0, 0.3, allow_nan=False)),
        max_size=80,
    )
)
def test_no_second_has_more_than_25_calls(steps: list[tuple[float, bool, bool, float]]) -> None:
    """Whatever arrives, however long calls take and whichever of them fail."""
    schedule = Schedule()
    now, starts = 0.0, []
    for idle, has_work, complete, seconds in steps:
        now += idle
        now += schedule.delay(now, has_work=has_work)
        if not has_work:
            schedule.round_starts(now)
        schedule.call_starts(now)
        starts.append(now)
        now += seconds
        schedule.call_ended(now, complete=complete)

    assert all(sum(start <= at < start + 1 for at in starts) <= 25 for start in starts)
