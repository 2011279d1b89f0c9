"""Builds Grafana panels, each with a title, description, unit and queries, and links to the runbook and to traces."""

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeVar
from urllib.parse import quote

from grafana_foundation_sdk.builders import bargauge as bar_gauge_builders
from grafana_foundation_sdk.builders import common, dashboard, prometheus
from grafana_foundation_sdk.builders import heatmap as heatmap_builders
from grafana_foundation_sdk.builders import stat as stat_builders
from grafana_foundation_sdk.builders import table as table_builders
from grafana_foundation_sdk.builders import timeseries as time_series_builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common as options
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import heatmap as heatmap_models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

RUNBOOK = "dashboards/runbook.md"
"""A path in this repository; a deployment can put the address of its own copy there."""

PROMETHEUS = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
TRANSPARENT, GREEN, AMBER, RED, BLUE = "transparent", "green", "orange", "red", "blue"

PanelT = TypeVar(
    "PanelT",
    time_series_builders.Panel,
    stat_builders.Panel,
    heatmap_builders.Panel,
    bar_gauge_builders.Panel,
    table_builders.Panel,
)
Panel = Builder[models.Panel]
Thresholds = Sequence[tuple[float | None, str]]
"""Colours and the values from which they apply; the first has no value."""

NEUTRAL: Thresholds = ((None, BLUE),)


class Query(NamedTuple):
    """One PromQL query; `instant` evaluates it at the end of the range only, `exemplars` shows exemplars as dots."""

    expr: str
    legend: str = ""
    instant: bool = False
    exemplars: bool = False


def time_series(
    title: str,
    description: str,
    *queries: Query,
    unit: str = "short",
    thresholds: Thresholds = (),
    stacked: bool = False,
    width: int = 12,
    runbook: str = "",
) -> Panel:
    """Lines over time."""
    builder = time_series_builders.Panel().min(0).fill_opacity(25 if stacked else 5)
    panel = _with_header(builder, title, description, unit, width, runbook)
    panel = panel.legend(common.VizLegendOptions().display_mode(options.LegendDisplayMode.TABLE).placement(
        options.LegendPlacement.BOTTOM).show_legend(show_legend=True).calcs(["lastNotNull", "max"]))  # fmt: skip
    panel = panel.tooltip(common.VizTooltipOptions().mode(options.TooltipDisplayMode.MULTI))
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(options.StackingMode.NORMAL))
    if thresholds:
        panel = panel.thresholds(_thresholds_config(thresholds)).thresholds_style(
            common.GraphThresholdsStyleConfig().mode(options.GraphThresholdsStyleMode.LINE)
        )
    return _with_queries(panel, queries)


def stat(
    title: str,
    description: str,
    query: Query,
    *,
    unit: str = "short",
    thresholds: Thresholds = NEUTRAL,
    width: int = 4,
    runbook: str = "",
) -> Panel:
    """A single number, coloured by the thresholds."""
    panel = _with_header(stat_builders.Panel(), title, description, unit, width, runbook, height=4)
    panel = panel.thresholds(_thresholds_config(thresholds)).color_mode(options.BigValueColorMode.VALUE)
    panel = panel.graph_mode(options.BigValueGraphMode.NONE).reduce_options(_last_value()).no_value("none")
    return _with_queries(panel, [query])


def bar_gauge(title: str, description: str, *queries: Query, runbook: str = "") -> Panel:
    """A few numbers as bars, one below the other."""
    panel = _with_header(bar_gauge_builders.Panel(), title, description, "short", 12, runbook).min(0).decimals(0)
    panel = panel.orientation(options.VizOrientation.HORIZONTAL).display_mode(options.BarGaugeDisplayMode.BASIC)
    panel = panel.reduce_options(_last_value()).thresholds(_thresholds_config(NEUTRAL)).no_value("none")
    return _with_queries(panel, queries)


def table(title: str, description: str, *queries: Query, width: int = 12) -> Panel:
    """A table: one row for each combination of labels, one column for each query."""
    panel = _with_header(table_builders.Panel(), title, description, "short", width)
    columns = {"excludeByName": {"Time": True}, "renameByName": _column_names(queries)}
    panel = panel.with_transformation(models.DataTransformerConfig(id_val="merge", options={}))
    panel = panel.with_transformation(models.DataTransformerConfig(id_val="organize", options=columns))
    for position, query in enumerate(queries):
        panel.with_target(_target(query, position).format(PromQueryFormat.TABLE))
    return panel


def heatmap(title: str, description: str, query: Query, *, width: int = 12, runbook: str = "") -> Panel:
    """The distribution of a histogram in seconds over time; each dot is an exemplar."""
    panel = _with_header(heatmap_builders.Panel(), title, description, "s", width, runbook)
    panel = panel.y_axis(heatmap_builders.YAxisConfig().unit("s")).exemplars_color("rgba(255,0,255,0.8)")
    colors = heatmap_builders.HeatmapColorOptions().scheme("Oranges").mode(heatmap_models.HeatmapColorMode.SCHEME)
    target = _target(query, 0).format(PromQueryFormat.HEATMAP).legend_format("{{le}}")
    return panel.color(colors).with_target(target)


def jaeger_link(service: str) -> Builder[models.DashboardLink]:
    """A link that searches the traces of a service in the selected Jaeger."""
    query = {"refId": "A", "queryType": "search", "service": f"lea-payments-{service}"}
    return _explore_link(f"Traces of {service}", "${jaeger}", query)


def tempo_link() -> Builder[models.DashboardLink]:
    """A link that searches the traces of all services in the selected Tempo."""
    query = {"refId": "A", "queryType": "traceql", "query": '{resource.service.name=~"lea-payments-.*"}'}
    return _explore_link("Traces in Tempo", "${tempo}", query)


def _explore_link(title: str, source: str, query: Mapping[str, str]) -> Builder[models.DashboardLink]:
    panes = {"a": {"datasource": source, "queries": [query], "range": {"from": "now-1h", "to": "now"}}}
    url = f"/explore?schemaVersion=1&panes={quote(json.dumps(panes), safe='${}:,')}"
    return dashboard.DashboardLink(title).type(models.DashboardLinkType.LINK).url(url)


def runbook_link(heading: str = "") -> Builder[models.DashboardLink]:
    """A link to the runbook, or to one of its headings."""
    url = f"{RUNBOOK}#{heading.lower()}" if heading else RUNBOOK
    link = dashboard.DashboardLink(f"Runbook: {heading}" if heading else "Runbook")
    return link.type(models.DashboardLinkType.LINK).url(url).target_blank(target_blank=True)


def _with_header(
    panel: PanelT, title: str, description: str, unit: str, width: int, runbook: str = "", height: int = 8
) -> PanelT:
    panel = panel.title(title).description(description).unit(unit).span(width).height(height).datasource(PROMETHEUS)
    return panel.links([runbook_link(runbook)]) if runbook else panel


def _with_queries(panel: PanelT, queries: Sequence[Query]) -> PanelT:
    for position, query in enumerate(queries):
        panel.with_target(_target(query, position))
    return panel


def _target(query: Query, position: int) -> prometheus.Dataquery:
    target = prometheus.Dataquery().expr(query.expr).ref_id(_ref_id(position)).datasource(PROMETHEUS)
    target = target.legend_format(query.legend) if query.legend else target
    target = target.exemplar(exemplar=True) if query.exemplars else target
    return target.instant() if query.instant else target.range()


def _ref_id(position: int) -> str:
    return chr(ord("A") + position)


def _column_names(queries: Sequence[Query]) -> dict[str, str]:
    """Grafana calls the column of a single query `Value`, and those of several `Value #A`, `Value #B`."""
    if len(queries) == 1:
        return {"Value": queries[0].legend}
    return {f"Value #{_ref_id(position)}": query.legend for position, query in enumerate(queries)}


def _thresholds_config(thresholds: Thresholds) -> dashboard.ThresholdsConfig:
    steps = [models.Threshold(value=value, color=color) for value, color in thresholds]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)


def _last_value() -> common.ReduceDataOptions:
    return common.ReduceDataOptions().calcs(["lastNotNull"])
