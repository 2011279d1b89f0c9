"""Runs `lea-payments` commands without the developer's `.env` and environment variables."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from lea_payments.settings import TableSettings

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
        return subprocess.run(
            [sys.executable, "-m", "lea_payments", *arguments],
            cwd=folder,
            env=environment | env,
            input=text,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run
