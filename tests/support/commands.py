"""Our commands as a person runs them: to the end, away from the developer's `.env` and variables."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from lea_payments.settings import TableSettings

Run = Callable[..., subprocess.CompletedProcess[str]]


def runner(folder: Path, settings: TableSettings, **more: str) -> Run:
    """`run(*arguments, text=None, **env)`: `lea-payments` with these arguments on this table."""
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        "DDB_ENDPOINT": settings.ddb_endpoint,
        "DYNAMODB_PAYMENTS_TABLE": settings.table,
        "PYTHONWARNINGS": "error",
        "COLUMNS": "200",
        **more,
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
