"""One day of a shop, seen by a real Prometheus, for all the tests of what it shows."""

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
    """What there is to see of it."""

    shop: Shop
    prometheus: Prometheus
    sink: OtlpSink


@pytest.fixture(scope="session")
def day(
    tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int], dynamodb_endpoint: str
) -> Iterator[Day]:
    """Yield a shop on which everything has happened that we can tell of, and Prometheus, which has seen it."""
    if programs.program() is None:
        pytest.skip(programs.NEEDED)
    folder = tmp_path_factory.mktemp("shop")
    with OtlpSink(free_port()) as sink, shop(folder, free_port, dynamodb_endpoint, sink) as one:
        targets = [
            (url, {"namespace": NAMESPACE, "component": service, "pod": f"{service}-0"})
            for service, url in one.metrics.items()
        ]
        rules = sorted(RULES.glob("*.yaml"))
        with Prometheus(tmp_path_factory.mktemp("prometheus"), free_port(), targets, rules) as prometheus:
            prometheus.until(f"count(up == 1) == {len(targets)}")
            one.day()
            ended = sum(sample.value for sample in prometheus.ask(COMPLETED))
            one.sold()
            prometheus.until(f"{COMPLETED} > {ended}")
            yield Day(one, prometheus, sink)
