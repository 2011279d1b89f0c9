"""What both dashboards share: their variables, links and the way from questions and panels to one page; no panel."""

from collections.abc import Mapping, Sequence

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models import dashboard as models

from dashboards import panels
from dashboards.promql import name
from lea_payments.telemetry import metrics

Rows = Mapping[str, Sequence[panels.Panel]]
ANY = ".+"


def page(uid: str, title: str, says: str, rows: Rows, traces_of: Sequence[str], *, by_currency: bool) -> str:
    """The dashboard's JSON: each row's title is the question that its panels answer."""
    made = dashboard.Dashboard(title).uid(uid).description(says).tags(["payments"]).readonly()
    made = made.time("now-6h", "now").refresh("1m").timezone("browser").tooltip(models.DashboardCursorSync.CROSSHAIR)
    for variable in (_source("datasource", "prometheus", "Metrics"), _source("traces", "jaeger", "Traces")):
        made = made.with_variable(variable)
    made = made.with_variable(_values("namespace", f"label_values({name(metrics.BUILD)}, namespace)"))
    if by_currency:
        used = f"query_result(sum by (currency) ({name(metrics.OUTCOMES)}{{{panels.NAMESPACE}}}) > 0)"
        made = made.with_variable(_values("currency", used, regex='/currency="([^"]+)"/'))
    made = made.link(_siblings()).link(panels.runbook_link())
    for part in traces_of:
        made = made.link(panels.trace_link(part))
    for question, shown in rows.items():
        made = made.with_row(dashboard.Row(question))
        for panel in shown:
            made = made.with_panel(panel)
    return panels.as_json(made.build())


def _source(variable: str, kind: str, label: str) -> dashboard.DatasourceVariable:
    return dashboard.DatasourceVariable(variable).label(label).type(kind)


def _values(variable: str, query: str, regex: str = "") -> dashboard.QueryVariable:
    made = dashboard.QueryVariable(variable).query(query).datasource(panels.PROMETHEUS)
    made = made.refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(models.VariableSort.ALPHABETICAL_ASC)
    every = models.VariableOption(selected=True, text="All", value="$__all")
    made = made.multi(True).include_all(True).all_value(ANY).current(every)  # noqa: FBT003 - the builder's way
    return made.regex(regex) if regex else made


def _siblings() -> dashboard.DashboardLink:
    link = dashboard.DashboardLink("Payments").type(models.DashboardLinkType.DASHBOARDS).tags(["payments"])
    return link.include_vars(True).keep_time(True)  # noqa: FBT003 - the builder's way
