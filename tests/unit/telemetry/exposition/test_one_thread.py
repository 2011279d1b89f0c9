"""Compares our metrics with those of the library."""

import re
from collections.abc import Sequence
from types import ModuleType

import prometheus_client
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.exposition import generate_latest

from lea_payments.telemetry.exposition import one_thread

EXEMPLARS = st.sampled_from([None, {"trace_id": "0af7651916cd43dd8448eb211c80319c"}])
VALUES = st.floats(allow_nan=False) | st.sampled_from([0.1, 0.5, 1, 5, 5.000001])
LABELS = st.sampled_from(["a", "b"])
OBSERVATIONS = st.lists(st.tuples(LABELS, VALUES, EXEMPLARS), max_size=20)

TIMES = re.compile(r".*_created.*\n|(?<= # )(\{.*\} \S+) \S+")
"""Times of creation, and those of exemplars, which differ between two metrics."""


def _exposed_by(library: ModuleType, observations: Sequence[tuple[str, float, dict[str, str] | None]]) -> str:
    registry = CollectorRegistry()
    counter = library.Counter("counted_total", "Counts.", ("label",), registry=registry)
    gauge = library.Gauge("value", "Is set.", ("label",), registry=registry)
    histogram = library.Histogram("seconds", "Has buckets.", ("label",), buckets=(0.1, 0.5, 1, 5), registry=registry)
    alone = library.Counter("alone_total", "Has no labels.", registry=registry)
    for label, value, exemplar in observations:
        counter.labels(label).inc()
        counter.labels(label).inc(abs(value))
        gauge.labels(label).set(value)
        histogram.labels(label).observe(value, exemplar)
        alone.inc()
    exposed: bytes = generate_latest(registry)  # type: ignore[no-untyped-call]
    return TIMES.sub(r"\1", exposed.decode())


@given(OBSERVATIONS)
def test_metrics_are_exposed_as_those_of_the_library(
    observations: Sequence[tuple[str, float, dict[str, str] | None]],
) -> None:
    assert _exposed_by(one_thread, observations) == _exposed_by(prometheus_client, observations)


def test_an_exemplar_is_exposed() -> None:
    exposed = _exposed_by(one_thread, [("a", 0.3, {"trace_id": "0af7"})])

    assert 'seconds_bucket{label="a",le="0.5"} 1.0 # {trace_id="0af7"} 0.3\n' in exposed
