"""The kinds of panels that our dashboards are made of, each with a question, unit and explanation; names no metric."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote

from grafana_foundation_sdk.builders import bargauge, common, dashboard, heatmap, prometheus, stat, table, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common as kinds
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import heatmap as heatmap_models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

RUNBOOK = "dashboards/runbook.md"
"""A place in this repository; who deploys puts the address of their copy there."""

PROMETHEUS = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
NAMESPACE = 'namespace=~"$namespace"'
GREEN, AMBER, RED, BLUE = "green", "orange", "red", "blue"
LEFT_TO_RIGHT = 24

PanelT = TypeVar("PanelT", timeseries.Panel, stat.Panel, heatmap.Panel, bargauge.Panel, table.Panel)
Panel = Builder[models.Panel]
Steps = Sequence[tuple[float | None, str]]
ALWAYS_WELL: Steps = ((None, BLUE),)


class Query(NamedTuple):
    """One line of PromQL; `at_end` looks at the last moment only, `traced` shows the traces behind it."""

    expr: str
    legend: str = ""
    at_end: bool = False
    traced: bool = False


def lines(
    title: str,
    says: str,
    *queries: Query,
    unit: str = "short",
    steps: Steps = (),
    stacked: bool = False,
    width: int = 12,
    runbook: str = "",
) -> Panel:
    """What happens over time."""
    panel = _begun(timeseries.Panel(), title, says, unit, width, runbook).min(0).fill_opacity(25 if stacked else 5)
    panel = panel.legend(common.VizLegendOptions().display_mode(kinds.LegendDisplayMode.TABLE).placement(
        kinds.LegendPlacement.BOTTOM).show_legend(show_legend=True).calcs(["lastNotNull", "max"]))  # fmt: skip
    panel = panel.tooltip(common.VizTooltipOptions().mode(kinds.TooltipDisplayMode.MULTI))
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(kinds.StackingMode.NORMAL))
    if steps:
        panel = panel.thresholds(_thresholds(steps)).thresholds_style(
            common.GraphThresholdsStyleConfig().mode(kinds.GraphThresholdsStyleMode.LINE)
        )
    return _asking(panel, queries)


def number(
    title: str,
    says: str,
    *queries: Query,
    unit: str = "short",
    steps: Steps = ALWAYS_WELL,
    width: int = 4,
    decimals: int | None = None,
    runbook: str = "",
) -> Panel:
    """One number, its colour says whether it is well."""
    panel = _begun(stat.Panel(), title, says, unit, width, runbook, height=4).thresholds(_thresholds(steps))
    panel = panel.color_mode(kinds.BigValueColorMode.VALUE).graph_mode(kinds.BigValueGraphMode.NONE)
    panel = panel.reduce_options(_last()).no_value("none")
    if decimals is not None:
        panel = panel.decimals(decimals)
    return _asking(panel, queries)


def bars(title: str, says: str, *queries: Query, unit: str = "short", width: int = 12, runbook: str = "") -> Panel:
    """A few numbers beside each other."""
    panel = _begun(bargauge.Panel(), title, says, unit, width, runbook).min(0).decimals(0)
    panel = panel.orientation(kinds.VizOrientation.HORIZONTAL).display_mode(kinds.BarGaugeDisplayMode.BASIC)
    panel = panel.reduce_options(_last()).thresholds(_thresholds(ALWAYS_WELL)).no_value("none")
    return _asking(panel, queries)


def rows_of(title: str, says: str, *queries: Query, width: int = 12, runbook: str = "") -> Panel:
    """A table: one row for each combination of labels, one column for each query."""
    panel = _begun(table.Panel(), title, says, "short", width, runbook)
    for name, options in (
        ("merge", {}),
        ("organize", {"excludeByName": {"Time": True}, "renameByName": _columns(queries)}),
    ):
        panel = panel.with_transformation(models.DataTransformerConfig(id_val=name, options=options))
    for number_of, query in enumerate(queries):
        panel.with_target(_target(query, number_of).format(PromQueryFormat.TABLE))
    return panel


def heat(title: str, says: str, query: Query, *, unit: str = "s", width: int = 12, runbook: str = "") -> Panel:
    """How a histogram spreads over time; each dot is a trace."""
    panel = _begun(heatmap.Panel(), title, says, unit, width, runbook)
    panel = panel.y_axis(heatmap.YAxisConfig().unit(unit)).exemplars_color("rgba(255,0,255,0.8)")
    panel = panel.color(heatmap.HeatmapColorOptions().scheme("Oranges").mode(heatmap_models.HeatmapColorMode.SCHEME))
    return panel.with_target(_target(query, 0).format(PromQueryFormat.HEATMAP).legend_format("{{le}}"))


def trace_link(part: str) -> Builder[models.DashboardLink]:
    """A search for a part's traces in whatever data source keeps them."""
    query = {"refId": "A", "queryType": "search", "service": f"lea-payments-{part}"}
    panes = {"a": {"datasource": "${traces}", "queries": [query], "range": {"from": "now-1h", "to": "now"}}}
    address = f"/explore?schemaVersion=1&panes={quote(json.dumps(panes), safe='${}:,')}"
    return dashboard.DashboardLink(f"Traces of {part}").type(models.DashboardLinkType.LINK).url(address)


def runbook_link(heading: str = "") -> Builder[models.DashboardLink]:
    """What to do, as a link."""
    address = f"{RUNBOOK}#{heading.lower()}" if heading else RUNBOOK
    title = f"What to do: {heading}" if heading else "Runbook"
    return dashboard.DashboardLink(title).type(models.DashboardLinkType.LINK).url(address).target_blank(True)  # noqa: FBT003


def _begun(panel: PanelT, title: str, says: str, unit: str, width: int, runbook: str, height: int = 8) -> PanelT:
    panel = panel.title(title).description(says).unit(unit).span(width).height(height).datasource(PROMETHEUS)
    return panel.links([runbook_link(runbook)]) if runbook else panel


def _asking(panel: PanelT, queries: Sequence[Query]) -> PanelT:
    for place, query in enumerate(queries):
        panel.with_target(_target(query, place))
    return panel


def _target(query: Query, place: int) -> prometheus.Dataquery:
    target = prometheus.Dataquery().expr(query.expr).ref_id(chr(ord("A") + place)).datasource(PROMETHEUS)
    target = target.legend_format(query.legend) if query.legend else target
    target = target.exemplar(True) if query.traced else target  # noqa: FBT003 - the builder's way
    return target.instant() if query.at_end else target.range()


def _columns(queries: Sequence[Query]) -> dict[str, str]:
    if len(queries) == 1:
        return {"Value": queries[0].legend}
    return {f"Value #{chr(ord('A') + place)}": query.legend for place, query in enumerate(queries)}


def _thresholds(steps: Steps) -> dashboard.ThresholdsConfig:
    found = [models.Threshold(value=value, color=color) for value, color in steps]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(found)


def _last() -> common.ReduceDataOptions:
    return common.ReduceDataOptions().calcs(["lastNotNull"])


def as_json(made: models.Dashboard) -> str:
    """The dashboard as Grafana stores it."""
    from grafana_foundation_sdk.cog.encoder import JSONEncoder  # noqa: PLC0415

    whole: dict[str, Any] = json.loads(JSONEncoder().encode(made))
    return json.dumps(whole, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
