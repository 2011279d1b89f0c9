"""Waits until a condition holds."""

import time
from collections.abc import Callable
from typing import TypeVar

import httpx

ResultT = TypeVar("ResultT")

NOT_YET = (AssertionError, LookupError, OSError, httpx.HTTPError)
"""What a condition may raise while it does not hold: a failed assertion, a missing item, a refused connection."""


def until(
    condition: Callable[[], ResultT], description: str = "", seconds: float = 120, pause: float = 0.05
) -> ResultT:
    """The first true result of the condition; raises AssertionError with its last problem after `seconds`.

    The limit only ends a test that hangs: it must be far above the time that a busy machine needs.
    """
    deadline = time.monotonic() + seconds
    problem: object = "not yet"
    while True:
        try:
            result = condition()
            if result:
                return result
        except NOT_YET as error:
            problem = error
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:.0f} s for {description or condition}: {problem}")
        time.sleep(pause)
