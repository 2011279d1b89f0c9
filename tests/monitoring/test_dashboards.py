"""What the dashboards ask, asked of a real Prometheus that has seen a real day."""

import json
import math
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from dashboards.build import FOLDER, generated_files
from tests.monitoring.conftest import Day

VARIABLES = {"$__rate_interval": "5m", "$__range": "5m", "$namespace": ".+", "$currency": ".+"}
"""What stands for the variables: five minutes hold all that the tests do, and hundreds of scrapes."""


class Asked(NamedTuple):
    """One query of one panel."""

    dashboard: str
    panel: str
    expr: str
    legend: str
    traced: bool

    def __str__(self) -> str:
        return f"{self.dashboard}: {self.panel}: {self.legend}"


def _panels() -> list[tuple[str, dict[str, Any]]]:
    files = sorted((FOLDER / "json").glob("*.json"))
    return [(file.stem, panel) for file in files for panel in json.loads(file.read_text())["panels"]]


PANELS = [(name, panel) for name, panel in _panels() if panel["type"] != "row"]
ASKED = [
    Asked(name, panel["title"], target["expr"], target.get("legendFormat", ""), bool(target.get("exemplar")))
    for name, panel in PANELS
    for target in panel["targets"]
]


def filled(expr: str) -> str:
    """The query with its variables filled in."""
    for variable, value in VARIABLES.items():
        expr = expr.replace(variable, value)
    assert "$" not in expr
    return expr


@pytest.mark.parametrize("path", generated_files(), ids=lambda path: path.name)
def test_what_is_generated_is_current(path: Path) -> None:
    assert path.read_text() == generated_files()[path], "run `make dashboards`"


def test_the_folders_hold_what_is_shipped_and_nothing_else() -> None:
    assert {path.name for path in (FOLDER / "json").iterdir()} == {"payment-outcomes.json", "webhook-health.json"}
    assert {path.name for path in (FOLDER / "rules").iterdir()} == {"alerts.yaml", "slo.yaml"}


@pytest.mark.parametrize("asked", ASKED, ids=str)
def test_every_query_of_a_panel_has_an_answer(day: Day, asked: Asked) -> None:
    answer = day.prometheus.ask(filled(asked.expr))

    assert [sample for sample in answer if not math.isnan(sample.value)]
    labels = set(re.findall(r"{{(\w+)}}", asked.legend))
    assert all(labels <= sample.labels.keys() for sample in answer)


@pytest.mark.parametrize("asked", [asked for asked in ASKED if asked.traced], ids=str)
def test_the_dots_of_a_panel_lead_to_traces_that_were_kept(day: Day, asked: Asked) -> None:
    dots = day.prometheus.exemplars(filled(asked.expr))

    kept = {span.trace_id for span in day.sink.spans}
    assert dots
    assert {labels["trace_id"] for labels in dots} <= kept


@pytest.mark.parametrize(
    ("name", "panel"), PANELS, ids=lambda value: value if isinstance(value, str) else value["title"]
)
def test_every_panel_explains_itself(name: str, panel: dict[str, Any]) -> None:
    del name
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["datasource"]["uid"] == "${datasource}"
    runbook = (FOLDER / "runbook.md").read_text().lower()
    for link in panel.get("links", []):
        heading = link["url"].partition("#")[2]
        assert f"\n## {heading}\n" in runbook


def test_no_query_adds_up_the_money_of_several_currencies() -> None:
    money = [asked.expr for asked in ASKED if "payments_amount_minor_units_total" in asked.expr]

    assert money
    for expr in money:
        sums = re.findall(r"sum(?: by \(([^)]*)\))? \(increase\(payments_amount_minor_units_total{([^}]*)}", expr)
        assert len(sums) == expr.count("payments_amount_minor_units_total")
        assert all("currency" in by for by, _ in sums)
        assert all("other" in left_out or '"jpy|krw|vnd"' in left_out for _, left_out in sums)


def test_every_row_asks_a_question() -> None:
    rows = [panel["title"] for _, panel in _panels() if panel["type"] == "row"]

    assert rows
    assert all(title.endswith("?") for title in rows)


@pytest.mark.parametrize("file", sorted((FOLDER / "json").glob("*.json")), ids=lambda file: file.stem)
def test_a_dashboard_can_be_turned_to_another_place(day: Day, file: Path) -> None:
    variables = {one["name"]: one for one in json.loads(file.read_text())["templating"]["list"]}

    assert {"datasource", "traces", "namespace"} <= variables.keys()
    for variable in variables.values():
        found = re.fullmatch(r"(?:label_values|query_result)\((.*?)(?:, \w+)?\)", variable["query"])
        if variable["type"] == "query":
            assert found
            assert day.prometheus.ask(filled(found[1]))
