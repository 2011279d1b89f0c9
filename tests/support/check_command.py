"""Runs `lea-payments check` and reads its report."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from lea_payments.settings import TableSettings

KEY, SECRET, TOKEN = "sk_test_Wintergoldhahn", "whsec_Sommergoldhahn", "token-of-Rohrammer"
ENDPOINT_URL = "https://payments.example/webhook/stripe"


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
        result = subprocess.run(command, cwd=self._folder, env=environment, capture_output=True, text=True, check=False)
        assert not result.stderr
        return result.returncode, result.stdout
