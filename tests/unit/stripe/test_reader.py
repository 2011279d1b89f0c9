import asyncio
from collections.abc import Mapping

import pytest

from lea_payments.stripe.reader import LONGEST_PAUSE, Pace, pause_after


async def test_callers_are_let_through_five_a_second() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(round(seconds, 3))

    pace = Pace(5, clock=lambda: 100.0, sleep=sleep)
    await asyncio.gather(*[pace.turn() for _ in range(6)])

    assert slept == [0.2, 0.4, 0.6, 0.8, 1.0]


async def test_turns_that_nobody_took_are_not_saved_up() -> None:
    slept: list[float] = []
    times = iter([100.0, 160.0, 160.0])

    async def sleep(seconds: float) -> None:
        slept.append(round(seconds, 3))

    pace = Pace(5, clock=lambda: next(times), sleep=sleep)
    for _ in range(3):
        await pace.turn()

    assert slept == [0.2]


def test_the_pause_doubles_within_its_limits() -> None:
    for tried, most in enumerate([0.5, 1, 2, 4, 8], start=1):
        assert most / 2 <= pause_after({}, tried) <= most
    assert pause_after({}, 30) <= LONGEST_PAUSE


@pytest.mark.parametrize(
    ("headers", "least"),
    [
        ({"Retry-After": "7"}, 7),
        ({"retry-after": "7"}, 7),
        ({"Retry-After": "3600"}, LONGEST_PAUSE),
        ({"Retry-After": "soon"}, 0.25),
        ({"Retry-After": "-1"}, 0.25),
    ],
)
def test_stripe_s_own_wish_is_honoured(headers: Mapping[str, str], least: float) -> None:
    assert least <= pause_after(headers, 1) <= max(least, 0.5)
