"""Checks that the first log line of a service names its settings and no secret."""

import json
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lea_payments import __version__
from lea_payments.settings import TableSettings
from tests.support.checkout_api import NEXT_TOKEN, SECRETS, STRIPE_KEY, TOKEN
from tests.support.processes import Process

Start = Callable[..., Process]


def _first_line(service: Process) -> dict[str, Any]:
    line: dict[str, Any] = json.loads(service.log.read_text().splitlines()[0])
    return line


def test_the_first_log_line_of_a_service_has_its_settings(
    start: Start, table_settings: TableSettings, tmp_path: Path
) -> None:
    file = tmp_path / "secret"
    file.write_text(f"whsec_{'Seidenschwanz' * 3}\nwhsec_{'Kreuzschnabel' * 3}\n")
    lines = {
        "webhook": _first_line(start("webhook", STRIPE_WEBHOOK_SECRET_FILE=str(file), STRIPE_LIVEMODE="true")),
        "pages": _first_line(start("pages", OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1")),
        "checkout": _first_line(start("checkout", STRIPE_API_BASE="http://127.0.0.1:1", **SECRETS)),
    }

    table = {"table": table_settings.table, "dynamodb": table_settings.ddb_endpoint}
    for service, line in lines.items():
        start_line = {"event": "service_started", "service": service, "version": __version__}
        assert line.items() >= (start_line | table | {"tracing": service == "pages"}).items()
        for secret in ("schwanz", "schnabel", TOKEN, NEXT_TOKEN, STRIPE_KEY):
            assert secret not in str(line)
    assert lines["webhook"].items() >= {"mode": "live", "signing_secrets": 2}.items()
    assert lines["checkout"].items() >= {"mode": "test", "stripe": "http://127.0.0.1:1", "api_tokens": 2}.items()


def test_a_secret_in_the_environment_is_counted(start: Start) -> None:
    line = _first_line(start("webhook", STRIPE_WEBHOOK_SECRET="whsec_" + "Schneeammer" * 3))

    assert (line["signing_secrets"], line["mode"]) == (1, "test")
    assert "ammer" not in str(line)


def test_the_command_line_loads_no_service_before_it_runs() -> None:
    """Otherwise `--help` would be slow."""
    script = "import sys, lea_payments.__main__; print(sorted({'boto3', 'fastapi', 'stripe'} & sys.modules.keys()))"

    assert subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout == b"[]\n"


def test_an_idle_connection_is_closed_after_the_configured_time(start: Start) -> None:
    pages = start("pages", KEEP_ALIVE_SECONDS="1")
    host, port = pages.url.removeprefix("http://").split(":")

    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: pages\r\n\r\n")
        answer = connection.recv(4096)
        rest = connection.recv(4096)

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert rest == b""
