"""Builds a dashboard from rows of panels, with the variables and links that all dashboards share."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models

from dashboards import panels
from dashboards.promql import SELECTED, name
from lea_payments.telemetry import metrics

Rows = Mapping[str, Sequence[panels.Panel]]
MATCH_ALL = ".*"
"""Also matches series without the label: a Prometheus that knows only its own cluster has no label `cluster`."""

INSTALLATION = ("cluster", "namespace", "release")
"""The labels that identify one installation; the values of each depend on the ones before it."""

TRACE_SOURCES = {"jaeger": "Jaeger", "tempo": "Tempo"}
"""The data sources of traces, by Grafana's name of their type.

Most teams have one of them, and the other variable stays empty.
"""


def dashboard_json(
    uid: str, title: str, description: str, rows: Rows, traced_services: Sequence[str], *, by_currency: bool
) -> str:
    """The dashboard as JSON; the title of each row is the question that its panels answer."""
    built = dashboard.Dashboard(title).uid(uid).description(description).tags(["payments"]).readonly()
    built = built.time("now-6h", "now").refresh("1m").timezone("browser").tooltip(models.DashboardCursorSync.CROSSHAIR)
    built = built.with_variable(_source("datasource", "prometheus", "Metrics"))
    for kind, label in TRACE_SOURCES.items():
        built = built.with_variable(_source(kind, kind, label))
    for position, label in enumerate(INSTALLATION):
        built = built.with_variable(_values(label, _label_values(label, INSTALLATION[:position])))
    if by_currency:
        used = f"query_result(sum by (currency) ({name(metrics.OUTCOMES)}{{{SELECTED}}}) > 0)"
        built = built.with_variable(_values("currency", used, regex='/currency="([^"]+)"/'))
    built = built.link(_other_dashboards()).link(panels.runbook_link())
    for service in traced_services:
        built = built.link(panels.jaeger_link(service))
    built = built.link(panels.tempo_link())
    for question, row in rows.items():
        built = built.with_row(dashboard.Row(question))
        for panel in row:
            built = built.with_panel(panel)
    return _as_json(built.build())


def _source(variable: str, kind: str, label: str) -> dashboard.DatasourceVariable:
    return dashboard.DatasourceVariable(variable).label(label).type(kind)


def _label_values(label: str, selected: Sequence[str]) -> str:
    matchers = ", ".join(f'{one}=~"${one}"' for one in selected)
    return f"label_values({name(metrics.BUILD)}{{{matchers}}}, {label})"


def _values(variable: str, query: str, regex: str = "") -> dashboard.QueryVariable:
    built = dashboard.QueryVariable(variable).query(query).datasource(panels.PROMETHEUS)
    built = built.refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(models.VariableSort.ALPHABETICAL_ASC)
    every = models.VariableOption(selected=True, text="All", value="$__all")
    built = built.multi(multi=True).include_all(include_all=True).all_value(MATCH_ALL).current(every)
    return built.regex(regex) if regex else built


def _other_dashboards() -> dashboard.DashboardLink:
    link = dashboard.DashboardLink("Payments").type(models.DashboardLinkType.DASHBOARDS).tags(["payments"])
    return link.include_vars(include_vars=True).keep_time(keep_time=True)


def _as_json(built: models.Dashboard) -> str:
    whole: dict[str, Any] = json.loads(JSONEncoder().encode(built))
    return json.dumps(whole, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
