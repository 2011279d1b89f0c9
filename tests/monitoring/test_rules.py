"""The alert rules: what each says of itself, when it fires and when not, and that a real Prometheus takes them."""

import math
import re
import subprocess
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.monitoring import prometheus
from tests.monitoring.conftest import RULES, Day
from tests.monitoring.promql import ALERTS, RECORDED, Selector, selectors

CASES = Path(__file__).parent / "rules"
ELSEWHERE = {
    "kube_job_status_failed": "kube-state-metrics has it, which only a cluster has",
    "kube_job_status_succeeded": "kube-state-metrics has it, which only a cluster has",
}
"""Series that no run of ours can show, and why."""


def _cases() -> Mapping[str, dict[str, list[dict[str, Any]]]]:
    """By alert: the cases in which it fires and those in which it stays quiet, by their names and their contents."""
    found: defaultdict[str, dict[str, list[dict[str, Any]]]] = defaultdict(lambda: {"fires": [], "stays quiet": []})
    for path in sorted(CASES.glob("*.yaml")):
        for case in yaml.safe_load(path.read_text())["tests"]:
            alert, kind = re.fullmatch(r"(\w+) (fires|stays quiet): .+", case["name"]).groups()  # type: ignore[union-attr]
            (asked,) = case["promql_expr_test"]
            assert f'alertname="{alert}"' in asked["expr"]
            assert bool(asked["exp_samples"]) == (kind == "fires"), case["name"]
            found[alert][kind].append(case)
    return found


def _promtool(*arguments: str) -> None:
    program = prometheus.program("promtool")
    if program is None:
        pytest.skip(prometheus.NEEDED)
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", sorted(RULES.glob("*.yaml")), ids=lambda path: path.name)
def test_promtool_finds_no_fault(path: Path) -> None:
    _promtool("check", "rules", str(path))


@pytest.mark.parametrize("path", sorted(CASES.glob("*.yaml")), ids=lambda path: path.name)
def test_alerts_fire_when_they_should_and_stay_quiet_when_they_should_not(path: Path) -> None:
    _promtool("test", "rules", str(path))


@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_has_a_case_that_fires_and_one_that_does_not(alert: str) -> None:
    assert all(_cases()[alert].values())


def test_no_case_is_of_an_alert_that_is_gone() -> None:
    assert _cases().keys() == ALERTS.keys()


@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_says_whom_it_wakes_what_it_means_and_where_help_is(alert: str) -> None:
    rule = ALERTS[alert]
    notes = rule["annotations"]

    assert rule["labels"] == {"severity": rule["labels"]["severity"]}
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert notes.keys() == {"summary", "description", "runbook_url"}
    assert notes["description"].endswith(".")
    assert notes["runbook_url"] == f"dashboards/runbook.md#{alert.lower()}"


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alerts_words_name_only_labels_that_it_has(alert: str) -> None:
    named = set(re.findall(r"\$labels\.(\w+)", " ".join(ALERTS[alert]["annotations"].values())))
    (fires,) = _cases()[alert]["fires"]
    (sample,) = fires["promql_expr_test"][0]["exp_samples"]

    assert named <= set(re.findall(r"(\w+)=", sample["labels"]))


@pytest.mark.parametrize("record", RECORDED)
def test_every_recording_rule_has_recorded_a_number(day: Day, record: str) -> None:
    day.prometheus.until(record)

    assert not any(math.isnan(sample.value) for sample in day.prometheus.ask(record))
    assert {sample.labels["namespace"] for sample in day.prometheus.ask(record)} == {"shop"}


NAMED = sorted({selector for rule in ALERTS.values() for selector in selectors(rule["expr"])}, key=str)


@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_can_be_asked(day: Day, alert: str) -> None:
    day.prometheus.ask(ALERTS[alert]["expr"])

    assert selectors(ALERTS[alert]["expr"])


@pytest.mark.parametrize("selector", [one for one in NAMED if one.name not in ELSEWHERE], ids=str)
def test_every_series_that_an_alert_looks_at_is_there(day: Day, selector: Selector) -> None:
    assert day.prometheus.ask(str(selector))


def test_prometheus_has_loaded_all_rules_and_finds_no_fault_with_them(day: Day) -> None:
    groups = day.prometheus.api("rules")["groups"]
    loaded = [rule for group in groups for rule in group["rules"]]

    assert {rule["name"] for rule in loaded} == ALERTS.keys() | RECORDED.keys()
    assert [rule["lastError"] for rule in loaded if rule.get("lastError")] == []


def test_the_days_trouble_has_raised_its_alerts_in_readable_words(day: Day) -> None:
    day.prometheus.until('ALERTS{alertname="PaymentsPaidTwice", alertstate="firing"}')
    raised = {alert["labels"]["alertname"]: alert for alert in day.prometheus.api("alerts")["alerts"]}

    assert {"PaymentsPaidTwice", "PaymentsInReview"} <= raised.keys()
    words = [text for alert in raised.values() for text in alert["annotations"].values()]
    assert all("{{" not in text and "<no value>" not in text and "<error" not in text for text in words)
