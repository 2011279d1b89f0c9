"""The telemetry contract: what dashboards, rules and docs name is in live `/metrics`, and what is there is named."""

import re
from collections import defaultdict
from collections.abc import Mapping

import pytest

from lea_payments.telemetry.metrics import DURATION
from tests.docs.reference import METRICS_PAGE
from tests.monitoring.conftest import Day
from tests.monitoring.promql import RECORDED, Selector, grouped, rules, selectors
from tests.monitoring.test_dashboards import ASKED, filled
from tests.monitoring.test_rules import ELSEWHERE
from tests.support.scraped import Scraped

OF_THE_TARGET = {"namespace", "part", "pod", "job", "instance"}
"""Labels that Prometheus adds, from where it found the pod."""

OF_PROMETHEUS = {"up"}
EXPRESSIONS = [*(filled(asked.expr) for asked in ASKED), *(rule["expr"] for rule in rules())]
NAMED = sorted({selector for expr in EXPRESSIONS for selector in selectors(expr)}, key=str)
CHECKED = [
    one for one in NAMED if one.name not in ELSEWHERE and one.name not in RECORDED and one.name not in OF_PROMETHEUS
]


@pytest.fixture(scope="module")
def exposed(day: Day) -> Mapping[str, list[Mapping[str, str]]]:
    """Return every series of every part as its name and labels, read where Prometheus reads it."""
    found: defaultdict[str, list[Mapping[str, str]]] = defaultdict(list)
    for url in day.shop.metrics.values():
        for sample in Scraped.of(url).samples:
            if sample.name.endswith("_created"):  # when the process first counted; the library adds it to each
                continue
            found[sample.name].append(sample.labels)
    return found


@pytest.mark.parametrize("selector", CHECKED, ids=str)
def test_every_series_that_is_named_is_exposed(
    exposed: Mapping[str, list[Mapping[str, str]]], selector: Selector
) -> None:
    series = exposed[selector.name]

    assert series
    assert selector.labels <= {*series[0], *OF_THE_TARGET}
    for label, sign, value in selector.matchers:
        if label not in OF_THE_TARGET and value != ".+":
            values = {labels[label] for labels in series}
            # Each alternative by itself: a misspelt one beside a right one would never be missed.
            wanted = value.split("|") if sign in ("=~", "!~") else [value]
            assert all(any(re.fullmatch(one, have) for have in values) for one in wanted), (label, value)


@pytest.mark.parametrize("expr", sorted(set(EXPRESSIONS)))
def test_queries_group_by_labels_that_exist(exposed: Mapping[str, list[Mapping[str, str]]], expr: str) -> None:
    known = OF_THE_TARGET | {"job_name", "le"}
    for selector in selectors(expr):
        known |= exposed[selector.name][0].keys() if selector.name in exposed else set()

    assert selectors(expr)
    assert grouped(expr) <= known


def _family(sample: str) -> str:
    return re.sub(r"_(bucket|count|sum)$", "", sample)


def test_every_metric_that_is_exposed_is_looked_at_and_explained(
    exposed: Mapping[str, list[Mapping[str, str]]],
) -> None:
    ours = {_family(name) for name in exposed if name.startswith("payments_")}
    documented = METRICS_PAGE.read_text()

    assert len(ours) > 15
    assert ours - {_family(selector.name) for selector in NAMED} == set()
    assert [name for name in ours if f"`{name}`" not in documented] == []


def test_every_documented_metric_is_exposed(exposed: Mapping[str, list[Mapping[str, str]]]) -> None:
    rows = dict(re.findall(r"^\| `(payments_\w+)` \| \w+ \| ([^|]*) \|", METRICS_PAGE.read_text(), re.MULTILINE))
    named = set(re.findall(r"`(payments_\w+)`", METRICS_PAGE.read_text()))
    families: defaultdict[str, set[str]] = defaultdict(set)
    for name, series in exposed.items():
        families[_family(name)] |= set().union(*series) - {"le"}

    assert rows
    assert named <= families.keys()
    assert {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in rows.items()} == {
        name: families[name] for name in rows
    }


def test_each_payment_that_a_session_completed_has_its_time(day: Day) -> None:
    scraped = Scraped.of(day.shop.metrics["webhook"])
    completed = sum(
        value for labels, value in scraped.series("payments_outcomes_total").items() if "completed" in labels
    )

    assert completed
    assert scraped.value("payments_time_to_completion_seconds_count") == completed


@pytest.mark.parametrize("part", ["webhook", "pages", "checkout"])
def test_every_histogram_that_a_part_fills_has_exemplars_of_kept_traces(day: Day, part: str) -> None:
    samples = Scraped.with_exemplars(day.shop.metrics[part]).samples
    buckets = [one for one in samples if one.name.startswith("payments_") and one.name.endswith("_bucket")]
    counts = {
        one.name.removesuffix("_count"): one.value for one in samples if one.name.endswith("_count") and one.value
    }
    filled_ones = {name for name in counts if name.startswith("payments_")}
    traced = defaultdict(set)
    for sample in buckets:
        if sample.exemplar:
            traced[sample.name.removesuffix("_bucket")].add(sample.exemplar.labels["trace_id"])

    assert "payments_store_operation_duration_seconds" in filled_ones
    assert (DURATION._name in filled_ones) == (part == "webhook")
    assert traced.keys() == filled_ones
    assert set().union(*traced.values()) <= {span.trace_id for span in day.sink.spans}
