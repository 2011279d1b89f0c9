"""Runs rules and panels on a Prometheus that stores native histograms, with and without the documented setting."""

import math
import os
from collections.abc import Callable, Iterator, Mapping

import pytest

from tests.monitoring import prometheus as programs
from tests.monitoring.conftest import COMPLETED, RULES
from tests.monitoring.prometheus import Job, Prometheus
from tests.monitoring.promql import RECORDED, selectors
from tests.monitoring.test_contract import EXPECTED
from tests.monitoring.test_dashboards import PANEL_QUERIES, PanelQuery, without_variables
from tests.support.otlp_sink import OtlpSink
from tests.support.simulation import NAMESPACE, simulate
from tests.support.waiting import until

KEPT = {"always_scrape_classic_histograms": True}
"""What docs/kubernetes.md says to set, and what the Operator sets for `scrapeClassicHistograms`."""

CONVERT, NATIVE = {"convert_classic_histograms_to_nhcb": True}, {"scrape_native_histograms": True}
MODES: Mapping[str, Mapping[str, bool]] = {
    "classic": {},
    "native": NATIVE,
    "native-kept": {**NATIVE, **KEPT},
    "converted": CONVERT,
    "converted-kept": {**CONVERT, **KEPT},
}
"""The options of a scrape job, by the release of its targets."""

WORKING = [mode for mode in MODES if mode != "converted"]
RECORDS = {name for name in RECORDED if name.startswith("release:")}
"""The records that are made of our own series only."""

HISTOGRAM_SERIES = ("_bucket", "_count", "_sum")


@pytest.fixture(scope="module")
def prometheus(
    tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int], dynamodb_endpoint: str
) -> Iterator[Prometheus]:
    """Yield a Prometheus that has scraped the same services in each mode, while every kind of event occurred."""
    if not programs.knows_native_histograms():
        # CI fails on a skipped test, but Debian's Prometheus is older; .ci/run repeats this file with a newer one.
        without = pytest.xfail if os.environ.get("CI") == "true" else pytest.skip
        without(programs.NATIVE_HISTOGRAMS_HINT)
    folder, rules = tmp_path_factory.mktemp("native"), sorted(RULES.glob("*.yaml"))
    with OtlpSink(free_port()) as sink, simulate(folder, free_port, dynamodb_endpoint, sink) as simulation:
        jobs = [Job(mode, _targets(simulation.metrics, mode), options) for mode, options in MODES.items()]
        with Prometheus(folder, free_port(), jobs, rules, interval_seconds=3) as started:
            started.until(f"count(up == 1) == {len(MODES) * len(simulation.metrics)}")
            simulation.run_everything()
            completed = max(sample.value for sample in started.query(f"{COMPLETED} by (release)") or [])
            simulation.complete_payment()
            started.until(f"count({COMPLETED} by (release) > {completed}) == {len(MODES)}")
            yield started


def _targets(metrics: Mapping[str, str], release: str) -> list[tuple[str, Mapping[str, str]]]:
    labels = {"namespace": NAMESPACE, "release": release}
    return [(url, {**labels, "component": service, "pod": f"{service}-0"}) for service, url in metrics.items()]


def _names(prometheus: Prometheus, release: str) -> set[str]:
    names = prometheus.query(f'count by (__name__) ({{release="{release}"}})')
    return {sample.labels["__name__"] for sample in names}


def _results(prometheus: Prometheus, query: PanelQuery, release: str) -> set[tuple[tuple[str, str], ...]]:
    """The labels of the panel's series that have a value."""
    expr = without_variables(query.expr.replace("$release", release))
    samples = prometheus.query(expr)
    return {
        tuple(sorted((name, value) for name, value in sample.labels.items() if name not in ("release", "job")))
        for sample in samples
        if not math.isnan(sample.value)
    }


@pytest.mark.parametrize("mode", WORKING)
def test_every_series_of_rules_and_panels_is_there(prometheus: Prometheus, mode: str) -> None:
    def all_there() -> bool:
        assert {selector.name for selector in EXPECTED} | RECORDS <= _names(prometheus, mode)
        return True

    assert until(all_there, "all series and records")


@pytest.mark.parametrize("mode", WORKING)
def test_every_panel_shows_what_it_shows_of_classic_ones(prometheus: Prometheus, mode: str) -> None:
    def all_equal() -> bool:
        for query in PANEL_QUERIES:
            assert _results(prometheus, query, mode) == _results(prometheus, query, "classic") != set(), query
        return True

    assert until(all_equal, "the same series in each panel")


def test_converted_histograms_alone_are_not_enough(prometheus: Prometheus) -> None:
    """Why the setting is needed: what reads the histograms finds nothing, and the rest works."""
    names = _names(prometheus, "converted")
    lost = {selector.name for selector in EXPECTED} - names
    lost_records = {name for name in RECORDS if name not in names}
    empty = {query.expr for query in PANEL_QUERIES if not _results(prometheus, query, "converted")}

    assert lost
    assert all(name.endswith(HISTOGRAM_SERIES) for name in lost)
    assert lost_records == {name for name in RECORDS if _reads(RECORDED[name]["expr"], lost)}
    assert empty == {query.expr for query in PANEL_QUERIES if _reads(query.expr, lost | lost_records)}


def _reads(expr: str, names: set[str]) -> bool:
    return any(selector.name in names for selector in selectors(expr))
