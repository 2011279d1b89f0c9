"""Runs the reproductions of public bug reports that lie beside a checkout of this repository, if they are there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CASES = Path.cwd().parent / "shared" / "cases"


@pytest.mark.skipif(not (CASES / "run").exists(), reason="the folder ../shared/cases does not exist")
@pytest.mark.timeout(900)
def test_every_reproduction_has_the_right_answer() -> None:
    """Takes about four minutes, most of which one case waits with idle connections."""
    command = [sys.executable, str(CASES / "run")]

    run = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(CASES)}, check=False
    )

    assert run.returncode == 0, run.stdout + run.stderr
