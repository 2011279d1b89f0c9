"""Runs a simulation that Prometheus scrapes, for all monitoring tests."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.monitoring import prometheus as programs
from tests.monitoring.prometheus import Job, Prometheus
from tests.support.otlp_sink import OtlpSink
from tests.support.scrape import Scrape
from tests.support.simulation import NAMESPACE, Simulation, simulate

RULES = Path(__file__).parents[2] / "dashboards" / "rules"
RELEASE = "lea-payments"
COMPLETED = "payments_checkout_sessions_total"

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


class MonitoringStack(NamedTuple):
    """A simulation, the Prometheus that scrapes it, and the sink that receives its traces.

    `native` is a second Prometheus, which scrapes the same services in each mode; None if the installed one is too old.
    """

    simulation: Simulation
    prometheus: Prometheus
    native: Prometheus | None
    sink: OtlpSink


@pytest.fixture(scope="package")
def stack(
    tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int], dynamodb_endpoint: str
) -> Iterator[MonitoringStack]:
    """Yield a stack in which every kind of event has occurred."""
    if programs.find_program() is None:
        pytest.skip(programs.INSTALL_HINT)
    with ExitStack() as running:
        sink = running.enter_context(OtlpSink(free_port()))
        folder = tmp_path_factory.mktemp("simulation")
        simulation = running.enter_context(simulate(folder, free_port, dynamodb_endpoint, sink))

        def started(name: str, jobs: list[Job], interval_seconds: int) -> Prometheus:
            rules = sorted(RULES.glob("*.yaml"))
            prometheus = Prometheus(tmp_path_factory.mktemp(name), free_port(), jobs, rules, interval_seconds)
            running.enter_context(prometheus)
            prometheus.until(f"count(up == 1) == {len(jobs) * len(simulation.metrics)}")
            return prometheus

        usual = started("prometheus", [Job("lea-payments-metrics", _targets(simulation.metrics, RELEASE))], 2)
        native = None
        if programs.knows_native_histograms():
            jobs = [Job(mode, _targets(simulation.metrics, mode), options) for mode, options in MODES.items()]
            native = started("native", jobs, 5)
        _run(simulation, [one for one in (usual, native) if one])
        yield MonitoringStack(simulation, usual, native, sink)


def _targets(metrics: Mapping[str, str], release: str) -> list[tuple[str, Mapping[str, str]]]:
    labels = {"namespace": NAMESPACE, "release": release}
    return [(url, {**labels, "component": service, "pod": f"{service}-0"}) for service, url in metrics.items()]


def _run(simulation: Simulation, scrapers: list[Prometheus]) -> None:
    """Lets everything occur, and returns when each release of each Prometheus has a sample of all of it."""
    simulation.run_everything()
    completed = sum(
        sample.value
        for url in simulation.metrics.values()
        for sample in Scrape.of(url).samples
        if sample.name == COMPLETED and sample.labels["stage"] == "completed"
    )
    simulation.complete_payment()
    scraped = f'sum({COMPLETED}{{stage="completed"}}) by (release) > {completed}'
    for one in scrapers:
        one.until(f"count({scraped}) == count(count(up) by (release))")
