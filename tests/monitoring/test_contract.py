"""Compares the metrics that running services expose with those that dashboards, rules and docs use."""

import re
from collections import defaultdict
from collections.abc import Mapping

import pytest

from lea_payments.telemetry.exposition.series import SERVICES
from lea_payments.telemetry.metrics import DURATION
from tests.docs.reference import METRICS_PAGE
from tests.monitoring.conftest import MonitoringStack
from tests.monitoring.panels import PANEL_QUERIES, without_variables
from tests.monitoring.promql import RECORDED, Selector, group_labels, rules, selectors
from tests.monitoring.test_rules import NOT_OURS
from tests.support.scrape import Scrape

TARGET_LABELS = {"cluster", "namespace", "release", "component", "pod", "job", "instance"}
"""Labels that Prometheus adds to every series of a target."""

ADDED_BY_PROMETHEUS = {"up"}
EXPRESSIONS = [*(without_variables(query.expr) for query in PANEL_QUERIES), *(rule["expr"] for rule in rules())]
SELECTORS = sorted({selector for expr in EXPRESSIONS for selector in selectors(expr)}, key=str)
EXPECTED = [one for one in SELECTORS if one.name not in {*NOT_OURS, *RECORDED, *ADDED_BY_PROMETHEUS}]


@pytest.fixture(scope="module")
def exposed(stack: MonitoringStack) -> Mapping[str, list[Mapping[str, str]]]:
    """Return the labels of every series that a service exposes, by the name of the series."""
    series: defaultdict[str, list[Mapping[str, str]]] = defaultdict(list)
    for url in stack.simulation.metrics.values():
        for sample in Scrape.of(url).samples:
            series[sample.name].append(sample.labels)
    return series


@pytest.mark.parametrize("selector", EXPECTED, ids=str)
def test_every_selected_series_is_exposed(exposed: Mapping[str, list[Mapping[str, str]]], selector: Selector) -> None:
    series = exposed[selector.name]

    assert series
    assert selector.labels <= {*series[0], *TARGET_LABELS}
    for label, operator, value in selector.matchers:
        if label not in TARGET_LABELS and value != ".*":
            values = {labels[label] for labels in series}
            # Each alternative on its own: a misspelt one would go unnoticed beside a correct one.
            alternatives = value.split("|") if operator in ("=~", "!~") else [value]
            assert all(any(re.fullmatch(one, actual) for actual in values) for one in alternatives), (label, value)


@pytest.mark.parametrize("expr", sorted(set(EXPRESSIONS)))
def test_queries_group_by_existing_labels(exposed: Mapping[str, list[Mapping[str, str]]], expr: str) -> None:
    labels = TARGET_LABELS | {"deployment", "exported_namespace", "job_name", "prefix", "le"}
    for selector in selectors(expr):
        labels |= exposed[selector.name][0].keys() if selector.name in exposed else set()

    assert selectors(expr)
    assert group_labels(expr) <= labels


def _family(series: str) -> str:
    return re.sub(r"_(bucket|count|sum)$", "", series)


def test_every_exposed_metric_is_used_and_documented(exposed: Mapping[str, list[Mapping[str, str]]]) -> None:
    own_families = {_family(name) for name in exposed if name.startswith("payments_")}
    documented = METRICS_PAGE.read_text()

    assert len(own_families) > 15
    assert own_families - {_family(selector.name) for selector in SELECTORS} == set()
    assert [name for name in own_families if f"`{name}`" not in documented] == []


def test_every_documented_metric_is_exposed(exposed: Mapping[str, list[Mapping[str, str]]]) -> None:
    rows = dict(re.findall(r"^\| `(payments_\w+)` \| \w+ \| ([^|]*) \|", METRICS_PAGE.read_text(), re.MULTILINE))
    documented = set(re.findall(r"`(payments_\w+)`", METRICS_PAGE.read_text()))
    families: defaultdict[str, set[str]] = defaultdict(set)
    for name, series in exposed.items():
        families[_family(name)] |= set().union(*series) - {"le"}

    assert rows
    assert documented <= families.keys()
    assert {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in rows.items()} == {
        name: families[name] for name in rows
    }


@pytest.mark.parametrize("service", SERVICES)
def test_no_series_appears_while_a_service_runs(stack: MonitoringStack, service: str) -> None:
    """A rate over a series that first appears at 1 shows nothing."""
    series: defaultdict[str, set[tuple[str, ...]]] = defaultdict(set)
    for sample in Scrape.of(stack.simulation.metrics[service]).samples:
        values = sorted(value for name, value in sample.labels.items() if name != "le")
        series[_family(sample.name).removesuffix("_total")].add(tuple(values))

    for metric, labels in SERVICES[service]:
        if labels:
            assert series[metric._name] == {tuple(sorted(values)) for values in labels}, metric._name
    assert {name for name in series if name.startswith("payments_")} == {one.metric._name for one in SERVICES[service]}


def test_every_completed_payment_has_a_completion_time(stack: MonitoringStack) -> None:
    scrape = Scrape.of(stack.simulation.metrics["webhook"])
    completed = sum(
        value for labels, value in scrape.series("payments_outcomes_total").items() if "completed" in labels
    )

    assert completed
    assert scrape.value("payments_time_to_completion_seconds_count") == completed


@pytest.mark.parametrize("service", ["webhook", "pages", "checkout"])
def test_exemplars_of_histograms_lead_to_exported_traces(stack: MonitoringStack, service: str) -> None:
    samples = Scrape.with_exemplars(stack.simulation.metrics[service]).samples
    buckets = [one for one in samples if one.name.startswith("payments_") and one.name.endswith("_bucket")]
    counts = {
        one.name.removesuffix("_count"): one.value for one in samples if one.name.endswith("_count") and one.value
    }
    observed = {name for name in counts if name.startswith("payments_")}
    traces = defaultdict(set)
    for sample in buckets:
        if sample.exemplar:
            traces[sample.name.removesuffix("_bucket")].add(sample.exemplar.labels["trace_id"])

    assert "payments_store_operation_duration_seconds" in observed
    assert (DURATION._name in observed) == (service == "webhook")
    assert traces.keys() == observed
    assert set().union(*traces.values()) <= {span.trace_id for span in stack.sink.spans}
