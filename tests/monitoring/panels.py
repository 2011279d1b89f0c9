"""Reads the panels of the generated dashboards, and replaces the variables in their queries."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from dashboards.build import FOLDER

DASHBOARDS = sorted((FOLDER / "json").glob("*.json"))
VARIABLES = ("$cluster", "$namespace", "$release", "$currency")


class PanelQuery(NamedTuple):
    """One query of one panel."""

    dashboard: str
    panel: str
    expr: str
    legend: str
    exemplars: bool

    def __str__(self) -> str:
        return f"{self.dashboard}: {self.panel}: {self.legend}"


def _panels(file: Path) -> list[dict[str, Any]]:
    panels: list[dict[str, Any]] = json.loads(file.read_text())["panels"]
    return panels


ROWS_AND_PANELS = [(file.stem, panel) for file in DASHBOARDS for panel in _panels(file)]
PANELS = [(name, panel) for name, panel in ROWS_AND_PANELS if panel["type"] != "row"]
PANEL_QUERIES = [
    PanelQuery(name, panel["title"], target["expr"], target.get("legendFormat", ""), bool(target.get("exemplar")))
    for name, panel in PANELS
    for target in panel["targets"]
]


def without_variables(expr: str, *, rate: str = "5m", whole: str = "5m") -> str:
    """The query with everything selected; `rate` is the interval of rates, and `whole` the dashboard's period."""
    for variable, value in {"$__rate_interval": rate, "$__range": whole, **dict.fromkeys(VARIABLES, ".*")}.items():
        expr = expr.replace(variable, value)
    assert "$" not in expr, expr
    return expr
