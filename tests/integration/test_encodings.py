"""Runs commands where their output has no place: in the terminal's encoding, in its width, on the disk."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import forked
from tests.support.command_line import without_progress
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


@pytest.mark.parametrize("command", [one for one in COMMANDS if "webhook" not in one], ids=" ".join)
def test_a_width_of_0_is_no_width(command: tuple[str, ...], tmp_path: Path) -> None:
    """Some terminals and scripts set COLUMNS=0."""
    env = {"PATH": os.environ["PATH"], "DDB_ENDPOINT": "http://127.0.0.1:1"}

    usual, narrow = (
        forked.run([sys.executable, "-m", *command], env={**env, **columns}, folder=tmp_path)
        for columns in ({}, {"COLUMNS": "00"})
    )

    assert usual.stdout + usual.stderr
    assert (narrow.stdout, without_progress(narrow.stderr)) == (usual.stdout, without_progress(usual.stderr))


@pytest.mark.parametrize("closed", [">&-", "2>&-"])
def test_a_closed_output_changes_nothing_else(closed: str, tmp_path: Path) -> None:
    """Such as by a scheduler that closes what it does not read."""
    env = {"PATH": os.environ["PATH"], "DDB_ENDPOINT": "http://127.0.0.1:1"}
    command = f"{sys.executable!r} -m lea_payments show payment_1"

    usual, done = (
        subprocess.run(
            ["bash", "-c", f"{command} {end}"], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
        )
        for end in ("", closed)
    )

    assert done.returncode == usual.returncode == 1
    problem = without_progress(usual.stderr)
    assert problem
    assert (done.stdout, without_progress(done.stderr)) == (usual.stdout, "" if closed == "2>&-" else problem)


@pytest.mark.parametrize(
    "command",
    [
        ("lea_payments", "--help"),
        ("lea_payments", "check", "--json"),
        ("lea_payments", "replay", "/dev/null"),
        ("lea_demo", "--help"),
        ("stripe_emulator", "--help"),
    ],
    ids=" ".join,
)
def test_a_full_disk_has_a_sentence(command: tuple[str, ...], tmp_path: Path, dynamodb_endpoint: str) -> None:
    env = {"PATH": os.environ["PATH"], "DDB_ENDPOINT": dynamodb_endpoint}

    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=tmp_path,
            env=env,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "✗ the output cannot be written (No space left on device): make room, or write it elsewhere"
    )
    assert "Traceback" not in done.stderr
