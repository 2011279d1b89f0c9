"""`lea-payments check` as a person runs it: the command, the environment it sees, and what it reports."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from lea_payments.settings import TableSettings

KEY, SECRET, TOKEN = "sk_test_Wintergoldhahn", "whsec_Sommergoldhahn", "token-of-Rohrammer"
OURS = "https://payments.example/webhook/stripe"


class Report(NamedTuple):
    """What one run said."""

    status: int
    findings: list[dict[str, str]]

    def of(self, subject: str) -> list[tuple[str, str]]:
        """State and words of the findings on a subject."""
        found = [one for one in self.findings if one["subject"].startswith(subject)]
        return [(one["state"], one["says"]) for one in found]

    def wrong(self) -> list[dict[str, str]]:
        """What is wrong; each says what to do."""
        found = [one for one in self.findings if one["state"] == "wrong"]
        assert all(one["remedy"] for one in found)
        return found


class Check:
    """Runs the command in a folder without `.env`, on this table unless told otherwise."""

    def __init__(self, folder: Path, settings: TableSettings) -> None:
        self._folder = folder
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        table = {"DDB_ENDPOINT": settings.ddb_endpoint, "DYNAMODB_PAYMENTS_TABLE": settings.table}
        self._environment = kept | table

    def __call__(self, *options: str, **env: str) -> Report:
        """The report for programs."""
        status, said = self._run(*options, "--json", **env)
        report = json.loads(said)
        assert report["ok"] is (status == 0)
        return Report(status, report["findings"])

    def text(self, **env: str) -> str:
        """The report for people."""
        return self._run(**env)[1]

    def _run(self, *options: str, **env: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "lea_payments", "check", *options]
        environment = self._environment | env
        done = subprocess.run(command, cwd=self._folder, env=environment, capture_output=True, text=True, check=False)
        assert not done.stderr
        return done.returncode, done.stdout
