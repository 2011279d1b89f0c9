"""Runs the queries of the dashboards on a real Prometheus, and checks their panels, rows and variables."""

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest

from dashboards.build import FOLDER, generated_files
from tests.monitoring.conftest import MonitoringStack
from tests.monitoring.panels import DASHBOARDS, PANEL_QUERIES, PANELS, ROWS_AND_PANELS, PanelQuery, without_variables
from tests.support.waiting import until


@pytest.mark.parametrize("path", generated_files(), ids=lambda path: path.name)
def test_generated_files_are_up_to_date(path: Path) -> None:
    assert path.read_text() == generated_files()[path], "run `make dashboards`"


def test_the_folders_contain_only_shipped_files() -> None:
    assert {path.name for path in (FOLDER / "json").iterdir()} == {"payment-outcomes.json", "webhook-health.json"}
    assert {path.name for path in (FOLDER / "rules").iterdir()} == {"alerts.yaml", "notifications.yaml", "slo.yaml"}


@pytest.mark.parametrize("query", PANEL_QUERIES, ids=str)
def test_every_query_of_a_panel_has_a_result(stack: MonitoringStack, query: PanelQuery) -> None:
    samples = stack.prometheus.query(without_variables(query.expr))

    assert [sample for sample in samples if not math.isnan(sample.value)]
    labels = set(re.findall(r"{{(\w+)}}", query.legend))
    assert all(labels <= sample.labels.keys() for sample in samples)


@pytest.mark.parametrize("query", [query for query in PANEL_QUERIES if query.exemplars], ids=str)
def test_exemplars_of_a_panel_lead_to_exported_traces(stack: MonitoringStack, query: PanelQuery) -> None:
    exemplars = stack.prometheus.exemplars(without_variables(query.expr))

    trace_ids = {labels["trace_id"] for labels in exemplars}
    assert trace_ids
    # A run of the reconciler is exported after its end, and its exemplars can be scraped before.
    until(lambda: trace_ids <= {span.trace_id for span in stack.sink.spans}, "the traces of all exemplars")


@pytest.mark.parametrize(
    ("name", "panel"), PANELS, ids=lambda value: value if isinstance(value, str) else value["title"]
)
def test_every_panel_has_a_description_and_a_unit(name: str, panel: dict[str, Any]) -> None:
    del name
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["datasource"]["uid"] == "${datasource}"
    runbook = (FOLDER / "runbook.md").read_text().lower()
    for link in panel.get("links", []):
        heading = link["url"].partition("#")[2]
        assert f"\n## {heading}\n" in runbook


@pytest.mark.parametrize("query", PANEL_QUERIES, ids=str)
def test_every_query_follows_the_selected_installation(query: PanelQuery) -> None:
    selected = re.findall(r'\{cluster=~"\$cluster", namespace=~"\$namespace", release=~"\$release"', query.expr)

    assert len(selected) == query.expr.count("{") > 0


def test_traces_are_found_in_jaeger_and_in_tempo() -> None:
    for file in DASHBOARDS:
        dashboard = json.loads(file.read_text())
        sources = {one["name"]: one["query"] for one in dashboard["templating"]["list"] if one["type"] == "datasource"}
        urls = [link["url"] for link in dashboard["links"] if "/explore" in link.get("url", "")]

        assert sources == {"datasource": "prometheus", "jaeger": "jaeger", "tempo": "tempo"}
        assert [sum(f"${{{source}}}" in url for url in urls) for source in ("jaeger", "tempo")] == [3, 1]


def test_no_query_adds_up_amounts_of_several_currencies() -> None:
    queries = [query.expr for query in PANEL_QUERIES if "payments_amount_minor_units_total" in query.expr]

    assert queries
    for expr in queries:
        sums = re.findall(r"sum(?: by \(([^)]*)\))? \(increase\(payments_amount_minor_units_total{([^}]*)}", expr)
        assert len(sums) == expr.count("payments_amount_minor_units_total")
        assert all("currency" in by for by, _ in sums)
        assert all("other" in matchers or '"jpy|krw|vnd"' in matchers for _, matchers in sums)


def test_every_row_asks_a_question() -> None:
    rows = [panel["title"] for _, panel in ROWS_AND_PANELS if panel["type"] == "row"]

    assert rows
    assert all(title.endswith("?") for title in rows)


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.stem)
def test_every_variable_of_a_dashboard_has_values(stack: MonitoringStack, file: Path) -> None:
    variables = {one["name"]: one for one in json.loads(file.read_text())["templating"]["list"]}

    assert {"datasource", "jaeger", "tempo", "cluster", "namespace", "release"} <= variables.keys()
    for variable in variables.values():
        match = re.fullmatch(r"(?:label_values|query_result)\((.*?)(?:, \w+)?\)", variable["query"])
        if variable["type"] == "query":
            assert match
            assert stack.prometheus.query(without_variables(match[1]))
