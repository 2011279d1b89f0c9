import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from lea_demo.dynamodb_local import DynamoDBLocal


def _init_table(port: int, *options: str) -> subprocess.Popen[str]:
    environment = {"DDB_ENDPOINT": f"http://127.0.0.1:{port}", "PATH": ""}
    command = [sys.executable, "-m", "lea_payments", "init-table", *options]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/"
    )


def test_init_table_waits_for_a_database_that_is_starting(free_port: Callable[[], int], dynamodb_folder: Path) -> None:
    port = free_port()
    waiting = _init_table(port, "--wait=60")
    time.sleep(3)
    assert waiting.poll() is None

    with DynamoDBLocal(port, None, dynamodb_folder):
        output, errors = waiting.communicate(timeout=60)

    assert (output, errors, waiting.returncode) == ("table lea-payments-local created\n", "", 0)


def test_without_wait_an_unreachable_database_is_named(free_port: Callable[[], int]) -> None:
    port = free_port()

    _, errors = _init_table(port).communicate(timeout=60)

    assert f"table lea-payments-local at http://127.0.0.1:{port}" in errors
    assert "check DDB_ENDPOINT" in errors
