"""Runs rules and panels on a Prometheus that stores native histograms, with and without the documented setting."""

import math

import pytest

from tests.monitoring import prometheus as programs
from tests.monitoring.conftest import MODES, MonitoringStack
from tests.monitoring.panels import PANEL_QUERIES, PanelQuery, without_variables
from tests.monitoring.prometheus import Prometheus
from tests.monitoring.promql import RECORDED, selectors
from tests.monitoring.test_contract import EXPECTED
from tests.support.left_out import leave_out
from tests.support.waiting import until

WORKING = [mode for mode in MODES if mode != "converted"]
RECORDS = {name for name in RECORDED if name.startswith("release:")}
"""The records that are made of our own series only."""

HISTOGRAM_SERIES = ("_bucket", "_count", "_sum")


@pytest.fixture(scope="module")
def prometheus(stack: MonitoringStack) -> Prometheus:
    """Return a Prometheus that has scraped the same services in each mode, while every kind of event occurred."""
    if stack.native is None:
        # CI fails on a skipped test, but Debian's Prometheus is older; .ci/run repeats this file with a newer one.
        leave_out(programs.NATIVE_HISTOGRAMS_HINT)
    return stack.native


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

    assert until(all_there, "all series and records", pause=1)


@pytest.mark.parametrize("mode", WORKING)
def test_every_panel_shows_what_it_shows_of_classic_ones(prometheus: Prometheus, mode: str) -> None:
    def all_equal() -> bool:
        for query in PANEL_QUERIES:
            assert _results(prometheus, query, mode) == _results(prometheus, query, "classic") != set(), query
        return True

    assert until(all_equal, "the same series in each panel", pause=1)


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
