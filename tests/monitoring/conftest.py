"""Fixtures of the monitoring tests: a day of a running shop, scraped by a real Prometheus."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.monitoring import prometheus as programs
from tests.monitoring.prometheus import Prometheus
from tests.support.otlp_sink import OtlpSink
from tests.support.shop import NAMESPACE, Shop, shop

RULES = Path(__file__).parents[2] / "dashboards" / "rules"
COMPLETED = 'sum(payments_checkout_sessions_total{stage="completed"})'


class Day(NamedTuple):
    """The running shop, and the metrics and traces that were collected from it."""

    shop: Shop
    prometheus: Prometheus
    sink: OtlpSink


@pytest.fixture(scope="session")
def day(
    tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int], dynamodb_endpoint: str
) -> Iterator[Day]:
    """Yield a shop in which every kind of event has happened, and the Prometheus that scraped it meanwhile."""
    if programs.find_program() is None:
        pytest.skip(programs.INSTALL_HINT)
    folder = tmp_path_factory.mktemp("shop")
    with OtlpSink(free_port()) as sink, shop(folder, free_port, dynamodb_endpoint, sink) as one_shop:
        targets = [
            (url, {"namespace": NAMESPACE, "component": service, "pod": f"{service}-0"})
            for service, url in one_shop.metrics.items()
        ]
        rules = sorted(RULES.glob("*.yaml"))
        with Prometheus(tmp_path_factory.mktemp("prometheus"), free_port(), targets, rules) as prometheus:
            prometheus.until(f"count(up == 1) == {len(targets)}")
            one_shop.day()
            completed = sum(sample.value for sample in prometheus.query(COMPLETED))
            one_shop.sold()
            prometheus.until(f"{COMPLETED} > {completed}")
            yield Day(one_shop, prometheus, sink)
