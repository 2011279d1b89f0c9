"""Runs a simulation that Prometheus scrapes, for all monitoring tests."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.monitoring import prometheus as programs
from tests.monitoring.prometheus import Job, Prometheus
from tests.support.otlp_sink import OtlpSink
from tests.support.simulation import NAMESPACE, Simulation, simulate

RULES = Path(__file__).parents[2] / "dashboards" / "rules"
RELEASE = "lea-payments"
COMPLETED = 'sum(payments_checkout_sessions_total{stage="completed"})'


class MonitoringStack(NamedTuple):
    """A simulation, the Prometheus that scrapes it, and the sink that receives its traces."""

    simulation: Simulation
    prometheus: Prometheus
    sink: OtlpSink


@pytest.fixture(scope="package")
def stack(
    tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int], dynamodb_endpoint: str
) -> Iterator[MonitoringStack]:
    """Yield a stack in which every kind of event has occurred."""
    if programs.find_program() is None:
        pytest.skip(programs.INSTALL_HINT)
    folder = tmp_path_factory.mktemp("simulation")
    with OtlpSink(free_port()) as sink, simulate(folder, free_port, dynamodb_endpoint, sink) as simulation:
        targets = [
            (url, {"namespace": NAMESPACE, "release": RELEASE, "component": service, "pod": f"{service}-0"})
            for service, url in simulation.metrics.items()
        ]
        rules = sorted(RULES.glob("*.yaml"))
        jobs = [Job("lea-payments-metrics", targets)]
        with Prometheus(tmp_path_factory.mktemp("prometheus"), free_port(), jobs, rules) as prometheus:
            prometheus.until(f"count(up == 1) == {len(targets)}")
            simulation.run_everything()
            completed = sum(sample.value for sample in prometheus.query(COMPLETED))
            simulation.complete_payment()
            prometheus.until(f"{COMPLETED} > {completed}")
            yield MonitoringStack(simulation, prometheus, sink)
