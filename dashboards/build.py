"""`python -m dashboards.build` writes what is generated: the dashboards' JSON and the rules that follow from a table."""

from collections.abc import Mapping
from pathlib import Path

from dashboards import slo

FOLDER = Path(__file__).parent


def generated() -> Mapping[Path, str]:
    """Every generated file with its text."""
    return {FOLDER / "rules" / "slo.yaml": slo.as_yaml()}


if __name__ == "__main__":
    for path, text in generated().items():
        path.write_text(text)
