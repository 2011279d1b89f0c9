"""`python -m dashboards.build` writes what is generated: the dashboards' JSON, and the rules that follow a table."""

from collections.abc import Mapping
from pathlib import Path

from dashboards import payment_outcomes, slo, webhook_health

FOLDER = Path(__file__).parent


def generated() -> Mapping[Path, str]:
    """Every generated file with its text."""
    return {
        FOLDER / "json" / "payment-outcomes.json": payment_outcomes.as_json(),
        FOLDER / "json" / "webhook-health.json": webhook_health.as_json(),
        FOLDER / "rules" / "slo.yaml": slo.as_yaml(),
    }


if __name__ == "__main__":
    for path, text in generated().items():
        path.write_text(text)
