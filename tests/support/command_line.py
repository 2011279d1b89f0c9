"""Runs `lea-payments` commands without the developer's `.env` and variables, and reads the report of `check`."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from lea_payments.settings import TableSettings
from tests.support import forked
from tests.support.terminal import Terminal

KEY, SECRET, TOKEN = "sk_test_Wintergoldhahn", "whsec_" + "Sommergoldhahn" * 3, "token-of-Rohrammer"
ENDPOINT_URL = "https://payments.example/webhook/stripe"

RunCommand = Callable[..., subprocess.CompletedProcess[str]]


def command_runner(folder: Path, settings: TableSettings, **variables: str) -> RunCommand:
    """Returns `run(*arguments, text=None, **env)`, which runs a command on this table until it exits."""
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        "DDB_ENDPOINT": settings.ddb_endpoint,
        "DYNAMODB_PAYMENTS_TABLE": settings.table,
        "PYTHONWARNINGS": "error",
        "COLUMNS": "200",
        **variables,
    }

    def run(*arguments: str, text: str | None = None, **env: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "lea_payments", *arguments]
        return _run(command, environment | env, folder, text)

    return run


def shown_in_terminal(folder: Path, settings: TableSettings, *arguments: str) -> str:
    """Runs a command in a terminal of 80 columns, without colours, and returns what it prints."""
    environment = {
        "PATH": os.environ["PATH"],
        "TERM": "dumb",
        "DDB_ENDPOINT": settings.ddb_endpoint,
        "DYNAMODB_PAYMENTS_TABLE": settings.table,
    }
    command = [sys.executable, "-m", "lea_payments", *arguments]
    terminal = Terminal(command, folder, environment)
    terminal.finish()
    return without_progress(terminal.printed)


def without_progress(text: str) -> str:
    """The text without the lines that a command adds if it takes long, as on a busy machine."""
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("Still "))


def _run(
    command: Sequence[str], environment: Mapping[str, str], folder: Path, text: str | None = None
) -> subprocess.CompletedProcess[str]:
    result = forked.run(command, env=environment, folder=folder, text=text)
    result.stderr = without_progress(result.stderr)
    return result


class CheckReport(NamedTuple):
    """The exit status and the findings of one run."""

    status: int
    findings: list[dict[str, str]]

    def of(self, subject: str) -> list[tuple[str, str]]:
        """The state and text of each finding whose subject starts with this one."""
        matches = [finding for finding in self.findings if finding["subject"].startswith(subject)]
        return [(finding["state"], finding["says"]) for finding in matches]

    def wrong(self) -> list[dict[str, str]]:
        """The findings with the state `wrong`; fails if one of them has no remedy."""
        findings = [finding for finding in self.findings if finding["state"] == "wrong"]
        assert all(finding["remedy"] for finding in findings)
        return findings


class CheckCommand:
    """Runs the command on one table, in a folder without `.env`; `env` overrides the environment."""

    def __init__(self, folder: Path, settings: TableSettings) -> None:
        self._folder = folder
        inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        table = {"DDB_ENDPOINT": settings.ddb_endpoint, "DYNAMODB_PAYMENTS_TABLE": settings.table}
        self._environment = inherited | table

    def __call__(self, *options: str, **env: str) -> CheckReport:
        """Runs it with `--json` and returns the report."""
        status, output = self._run(*options, "--json", **env)
        report = json.loads(output)
        assert report["ok"] is (status == 0)
        return CheckReport(status, report["findings"])

    def text(self, **env: str) -> str:
        """Runs it without `--json` and returns its output."""
        return self._run(**env)[1]

    def _run(self, *options: str, **env: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "lea_payments", "check", *options]
        environment = self._environment | env
        result = _run(command, environment, self._folder)
        assert not result.stderr, result.stderr
        return result.returncode, result.stdout
