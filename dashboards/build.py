"""Writes the dashboards' JSON and the rules of the objectives: `python -m dashboards.build`."""

from collections.abc import Mapping
from pathlib import Path

from dashboards import payment_outcomes, slo, webhook_health

FOLDER = Path(__file__).parent


def generated_files() -> Mapping[Path, str]:
    """The text of every generated file, by its path."""
    return {
        FOLDER / "json" / "payment-outcomes.json": payment_outcomes.as_json(),
        FOLDER / "json" / "webhook-health.json": webhook_health.as_json(),
        FOLDER / "rules" / "slo.yaml": slo.as_yaml(),
    }


if __name__ == "__main__":
    for path, text in generated_files().items():
        path.write_text(text)
