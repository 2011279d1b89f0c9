"""Runs the reproductions of public bug reports that lie beside a checkout of this repository, if they are there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.examples import examples
from tests.support.left_out import leave_out

CASES = Path.cwd().parent / "shared" / "cases"


@pytest.mark.timeout(1800)
def test_every_reproduction_has_the_right_answer() -> None:
    """Takes about four minutes, most of which one case waits with idle connections: only with `--all` and in CI."""
    if not examples(few=0, all_of_them=1):
        pytest.skip("it takes four minutes: make test ARGS=--all")
    if not (CASES / "run").exists():
        # CI fails on a skipped test, but this folder is not part of the repository.
        leave_out("the folder ../shared/cases does not exist")
    command = [sys.executable, str(CASES / "run")]

    run = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(CASES)}, check=False
    )

    assert run.returncode == 0, run.stdout + run.stderr
