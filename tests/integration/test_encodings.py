"""Runs commands whose output contains characters that the terminal's encoding lacks."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.examples import examples

ASCII = {"PYTHONIOENCODING": "ascii", "TERM": "dumb"}
C_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
ENCODINGS = {"ASCII": ASCII, "C": C_LOCALE}
COMMANDS = (
    ("lea_payments", "--help"),
    ("lea_payments", "check"),
    ("lea_payments", "show", "payment_é"),
    ("lea_payments", "replay", "no 文件"),
    ("lea_payments", "webhook"),
    ("stripe_emulator", "--help"),
    ("lea_demo", "flow", "--card", "4242424242424242", "--checkout", "http://localhost:1"),
)


@pytest.mark.parametrize(
    ("command", "encoding"),
    [
        pytest.param(command, ENCODINGS[name], id=f"{' '.join(command)} in {name}")
        for number, command in enumerate(COMMANDS)
        for name in [*ENCODINGS][number % 2 :: examples(2, 1)] or ENCODINGS
    ],
)
def test_no_encoding_ends_in_a_traceback(command: tuple[str, ...], encoding: dict[str, str], tmp_path: Path) -> None:
    env = {"PATH": os.environ["PATH"], "DDB_ENDPOINT": "http://127.0.0.1:1", **encoding}

    done = subprocess.run([sys.executable, "-m", *command], cwd=tmp_path, env=env, capture_output=True, check=False)

    printed = (done.stdout + done.stderr).decode("ascii")
    assert printed
    assert "Traceback" not in printed
