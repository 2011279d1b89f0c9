"""Chooses how many examples a test tries: fewer in `make test`, all of them with `--all` and in CI."""

import os

from tests.support.left_out import in_ci

ALL_EXAMPLES = "TEST_ALL_EXAMPLES"
"""The variable that `--all` sets, also for the processes of a parallel run."""


def examples(few: int, all_of_them: int, variable: str = "") -> int:
    """One of the two numbers, or the value of an environment variable."""
    if variable in os.environ:
        return int(os.environ[variable])
    return all_of_them if in_ci() or ALL_EXAMPLES in os.environ else few
