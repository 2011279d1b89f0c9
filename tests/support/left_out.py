"""Leaves out tests that need what is missing here. CI fails on a skipped test, so there it expects them to fail."""

import os
from typing import NoReturn

import pytest


def in_ci() -> bool:
    """Whether this is a run of CI."""
    return os.environ.get("CI") == "true"


def leave_out(reason: str) -> NoReturn:
    """Ends the test that runs. Say at the call why CI need not run it, or where it does."""
    (pytest.xfail if in_ci() else pytest.skip)(reason)


def left_out(reason: str) -> pytest.MarkDecorator:
    """The same as a mark of a test."""
    return pytest.mark.xfail(reason=reason, run=False) if in_ci() else pytest.mark.skip(reason=reason)
