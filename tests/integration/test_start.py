"""What a part tells of itself at its start: one line of what it runs with, and nothing secret."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lea_payments import __version__
from lea_payments.settings import TableSettings
from tests.support.checkout_calls import NEXT_TOKEN, SECRETS, STRIPE_KEY, TOKEN
from tests.support.parts import Part

Start = Callable[..., Part]


def _first_line(part: Part) -> dict[str, Any]:
    line: dict[str, Any] = json.loads(part.log.read_text().splitlines()[0])
    return line


def test_each_part_tells_what_it_runs_with_in_its_first_line(
    start: Start, table_settings: TableSettings, tmp_path: Path
) -> None:
    file = tmp_path / "secret"
    file.write_text("whsec_Seidenschwanz\nwhsec_Kreuzschnabel\n")
    lines = {
        "webhook": _first_line(start("webhook", STRIPE_WEBHOOK_SECRET_FILE=str(file), STRIPE_LIVEMODE="true")),
        "pages": _first_line(start("pages", OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1")),
        "checkout": _first_line(start("checkout", STRIPE_API_BASE="http://127.0.0.1:1", **SECRETS)),
    }

    for part, line in lines.items():
        told = {"event": "listening", "part": part, "version": __version__, "tracing": part == "pages"}
        assert line.items() >= (told | {"table": table_settings.table, "dynamodb": table_settings.ddb_endpoint}).items()
        for secret in ("schwanz", "schnabel", TOKEN, NEXT_TOKEN, STRIPE_KEY):
            assert secret not in str(line)
    assert lines["webhook"].items() >= {"mode": "live", "signing_secrets": 2}.items()
    assert lines["checkout"].items() >= {"mode": "test", "stripe": "http://127.0.0.1:1", "api_tokens": 2}.items()


def test_one_secret_in_the_environment_is_counted(start: Start) -> None:
    line = _first_line(start("webhook", STRIPE_WEBHOOK_SECRET="whsec_Schneeammer"))

    assert (line["signing_secrets"], line["mode"]) == (1, "test")
    assert "ammer" not in str(line)
