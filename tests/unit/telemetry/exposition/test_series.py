"""Tests the table of the metrics that each service exposes."""

import pytest
from prometheus_client import Counter, Gauge, Histogram

from dashboards.promql import SERVICES as SCRAPED
from lea_payments.telemetry import connections, metrics
from lea_payments.telemetry.exposition.series import SERVICES, registry_of
from lea_payments.telemetry.mcp import tool_calls
from lea_payments.telemetry.services import checkout, notifier

METRICS = {
    value._name
    for module in (metrics, checkout, connections, notifier, tool_calls)
    for value in vars(module).values()
    if isinstance(value, Counter | Gauge | Histogram)
}


def test_every_metric_is_exposed_by_a_service() -> None:
    assert {one.metric._name for exposed in SERVICES.values() for one in exposed} == METRICS
    assert SERVICES.keys() == set(SCRAPED)


@pytest.mark.parametrize("service", SERVICES)
def test_labels_have_as_many_values_as_names(service: str) -> None:
    for metric, labels in SERVICES[service]:
        assert {len(values) for values in labels} <= {len(metric._labelnames)}, metric._name


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_exposes_its_own_metrics_only(service: str) -> None:
    families = {family.name for family in registry_of(service).collect()}

    own = {name for name in families if name.startswith("payments_")}
    assert own == {one.metric._name for one in SERVICES[service]}
    assert {name for name in families - own if not name.startswith("process_")} == set()
