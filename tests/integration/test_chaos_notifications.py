"""Checks that the judge of the notifications' chaos run finds each kind of problem."""

from typing import Any

import pytest

from tests.chaos.notifications.judge import judge

COMPLETED: list[Any] = ["completed", None, 0]
RECORDS = {"p": {"payment_status": "completed", "version": 2}}


def _line(version: int = 2, mode: str = "ok", **fields: Any) -> dict[str, Any]:
    state = COMPLETED if version == 2 else ["failed", "lost_card", 0]
    line = {"payment_id": "p", "version": version, "state": state, "id": f"msg_{version}", "mode": mode}
    return line | {"verified": True, "stored": 2} | fields


@pytest.mark.parametrize(
    "lines",
    [
        [_line()],
        [_line(1), _line()],
        [_line(mode="failing"), _line(mode="reset"), _line()],
        [_line(mode="gone")],
        [_line(), _line()],
        [_line(stored=None)],
    ],
    ids=["once", "two states", "after failures", "refused for good", "again after a crash", "table was down"],
)
def test_the_judge_accepts_what_is_allowed(lines: list[dict[str, Any]]) -> None:
    assert judge(lines, RECORDS).problems == []


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ([], "final states were lost"),
        ([_line(1)], "final states were lost"),
        ([_line(mode="failing")], "final states were lost"),
        ([_line(stored=1)], "came before their write"),
        ([_line(), _line(1)], "older version began after a newer one"),
        ([_line(verified=False)], "no valid signature"),
        ([_line(1, id="msg_2"), _line()], "another body than"),
    ],
    ids=["nothing", "old state", "only failures", "too early", "overtaken", "unsigned", "two bodies"],
)
def test_the_judge_finds_each_problem(lines: list[dict[str, Any]], problem: str) -> None:
    assert [problem in found for found in judge(lines, RECORDS).problems] == [True]


def test_repeated_notifications_are_counted() -> None:
    assert judge([_line(), _line(), _line(mode="slow"), _line(mode="reset")], RECORDS).repeated == 2
