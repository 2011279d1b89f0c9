"""Checks, without a cluster, what the tests of an operation accept."""

from typing import Any

import pytest

from tests.e2e.load.events import check_results

ALL_AT_FIRST: dict[str, Any] = {"events": 3, "answered": 3, "requests": 3, "by_answer": {"200": 3}}


def test_every_event_at_its_first_try_is_accepted() -> None:
    check_results(ALL_AT_FIRST)


@pytest.mark.parametrize("answer", ["503", "ConnectionResetError", "ConnectionRefusedError", "TimeoutError"])
def test_a_single_second_try_is_a_failure(answer: str) -> None:
    with pytest.raises(AssertionError):
        check_results({**ALL_AT_FIRST, "requests": 4, "by_answer": {"200": 3, answer: 1}})
