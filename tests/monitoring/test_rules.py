"""Checks the alert rules with promtool and on a real Prometheus: syntax, when they fire, and their annotations."""

import math
import re
import subprocess
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboards.promql import LINK_FAILED, LINK_NOT_NEEDED
from lea_payments.checkout.errors import CREATE, ERRORS
from tests.monitoring import prometheus
from tests.monitoring.conftest import RULES, MonitoringStack
from tests.monitoring.promql import ALERTS, RECORDED, Selector, selectors
from tests.support.simulation import NAMESPACE

CASES = Path(__file__).parent / "rules"
NOT_OURS = dict.fromkeys(
    (
        *("kube_job_status_failed", "kube_job_status_succeeded", "kube_job_status_active"),
        "kube_deployment_spec_replicas",
    ),
    "exposed by kube-state-metrics, which only a cluster has",
)
"""Series that our services do not expose, and why."""


@cache
def _cases() -> Mapping[str, dict[str, list[dict[str, Any]]]]:
    """By alert: the test cases in which it fires, and those in which it stays quiet."""
    cases: defaultdict[str, dict[str, list[dict[str, Any]]]] = defaultdict(lambda: {"fires": [], "stays quiet": []})
    for path in sorted(CASES.glob("*.yaml")):
        for case in yaml.safe_load(path.read_text())["tests"]:
            alert, kind = re.fullmatch(r"(\w+) (fires|stays quiet): .+", case["name"]).groups()  # type: ignore[union-attr]
            (query,) = case["promql_expr_test"]
            assert f'alertname="{alert}"' in query["expr"]
            assert bool(query["exp_samples"]) == (kind == "fires"), case["name"]
            cases[alert][kind].append(case)
    return cases


def _promtool(*arguments: str) -> None:
    program = prometheus.find_program("promtool")
    if program is None:
        pytest.skip(prometheus.INSTALL_HINT)
    run = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("path", sorted(RULES.glob("*.yaml")), ids=lambda path: path.name)
def test_promtool_accepts_the_rules(path: Path) -> None:
    _promtool("check", "rules", str(path))


@pytest.mark.parametrize("path", sorted(CASES.glob("*.yaml")), ids=lambda path: path.name)
def test_alerts_fire_only_when_they_should(path: Path) -> None:
    _promtool("test", "rules", str(path))


@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_has_a_case_for_firing_and_for_quiet(alert: str) -> None:
    assert all(_cases()[alert].values())


def test_every_case_belongs_to_an_alert() -> None:
    assert _cases().keys() == ALERTS.keys()


INSTALLATIONS: Sequence[Mapping[str, str]] = ({}, {"cluster": "pay.eu"}, {"release": "1.5"}, {"namespace": "2024"})
"""What distinguishes installations that Prometheus scrapes, apart from the labels of the test cases: odd names, too."""


def _moved(text: str, labels: Mapping[str, str]) -> str:
    """A series or its labels, in another installation."""
    for label, value in labels.items():
        text = re.sub(rf'\b{label}="[^"]*"', f'{label}="{value}"', text)
    return text


def _in_every_installation(case: dict[str, Any]) -> dict[str, Any]:
    """The same case, with its series and its alert in every installation."""
    (query,) = case["promql_expr_test"]
    (sample,) = query["exp_samples"]
    series = [
        {**one, "series": _moved(one["series"], labels)} for labels in INSTALLATIONS for one in case["input_series"]
    ]
    samples = [{**sample, "labels": _moved(sample["labels"], labels)} for labels in INSTALLATIONS]
    return {**case, "input_series": series, "promql_expr_test": [{**query, "exp_samples": samples}]}


@pytest.mark.parametrize("path", sorted(CASES.glob("*.yaml")), ids=lambda path: path.name)
def test_every_installation_has_its_own_alerts(tmp_path: Path, path: Path) -> None:
    """Equal installations: two clusters, two releases in one namespace, two namespaces."""
    file = yaml.safe_load(path.read_text())
    firing = [case for case in file["tests"] if 'release="' in str(case["promql_expr_test"])]
    rule_files = [str((CASES / name).resolve()) for name in file["rule_files"]]
    # One case for each alert is enough, and those of whole days take long.
    cases = {case["name"].partition(" ")[0]: _in_every_installation(case) for case in reversed(firing)}
    cases = {alert: case for alert, case in cases.items() if "BurnSlow" not in alert}
    copy = tmp_path / path.name
    copy.write_text(yaml.safe_dump({**file, "rule_files": rule_files, "tests": list(cases.values())}))

    assert cases
    _promtool("test", "rules", str(copy))


@pytest.mark.parametrize("name", [*ALERTS, *RECORDED])
def test_every_aggregation_keeps_cluster_and_namespace(name: str) -> None:
    expr = (ALERTS | RECORDED)[name]["expr"]
    groups = [set(re.split(", ?", labels)) for labels in re.findall(r"\b(?:by|on) \(([^)]*)\)", expr)]
    # A cluster has one kube-state-metrics, and its Deployments and Jobs have no label of ours.
    groups_of_kube = [{"cluster"}, {"cluster", "namespace", "deployment"}]

    for labels in groups:
        assert (
            {"cluster", "namespace", "release"} <= labels
            or labels in groups_of_kube
            or "job_name" in labels
            or ("prefix" in labels)
        )


@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_has_a_severity_a_text_and_a_runbook(alert: str) -> None:
    rule = ALERTS[alert]
    annotations = rule["annotations"]

    assert rule["labels"] == {"severity": rule["labels"]["severity"]}
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert annotations.keys() == {"summary", "description", "runbook_url"}
    assert annotations["description"].endswith(".")
    assert annotations["runbook_url"] == f"dashboards/runbook.md#{alert.lower()}"


@pytest.mark.parametrize("alert", ALERTS)
def test_annotations_use_only_labels_of_their_alert(alert: str) -> None:
    used_labels = set(re.findall(r"\$labels\.(\w+)", " ".join(ALERTS[alert]["annotations"].values())))
    case, *_ = _cases()[alert]["fires"]
    (sample,) = case["promql_expr_test"][0]["exp_samples"]

    assert used_labels <= set(re.findall(r"(\w+)=", sample["labels"]))


def test_the_objective_of_links_counts_every_failure() -> None:
    codes = {code: error.status for code, error in ERRORS.items() if CREATE in error.calls}

    assert set(LINK_FAILED) == {code for code, status in codes.items() if status >= 500}
    assert set(LINK_NOT_NEEDED) == {code for code, status in codes.items() if status == 409} - {"payment_conflict"}


def test_the_alert_about_invalid_calls_names_every_such_code() -> None:
    named = set(re.findall(r"\w+", re.findall(r'code=~"([^"]+)"', ALERTS["PaymentsCheckoutInvalidCalls"]["expr"])[0]))

    assert named == {code for code, error in ERRORS.items() if error.calls and error.status in (400, 413, 415, 422)}


@pytest.mark.parametrize("record", [record for record in RECORDED if record.startswith("release:")])
def test_every_recording_rule_records_a_number(stack: MonitoringStack, record: str) -> None:
    stack.prometheus.until(record)

    assert not any(math.isnan(sample.value) for sample in stack.prometheus.query(record))
    assert {sample.labels["namespace"] for sample in stack.prometheus.query(record)} == {NAMESPACE}


SELECTORS = sorted({selector for rule in ALERTS.values() for selector in selectors(rule["expr"])}, key=str)


@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_can_be_queried(stack: MonitoringStack, alert: str) -> None:
    stack.prometheus.query(ALERTS[alert]["expr"])

    assert selectors(ALERTS[alert]["expr"])


@pytest.mark.parametrize("selector", [one for one in SELECTORS if one.name not in {*NOT_OURS, *RECORDED}], ids=str)
def test_every_series_that_an_alert_selects_exists(stack: MonitoringStack, selector: Selector) -> None:
    assert stack.prometheus.query(str(selector))


def test_prometheus_loads_and_evaluates_all_rules(stack: MonitoringStack) -> None:
    groups = stack.prometheus.api("rules")["groups"]
    loaded = [rule for group in groups for rule in group["rules"]]

    assert {rule["name"] for rule in loaded} == ALERTS.keys() | RECORDED.keys()
    assert [rule["lastError"] for rule in loaded if rule.get("lastError")] == []


def test_firing_alerts_have_readable_annotations(stack: MonitoringStack) -> None:
    stack.prometheus.until('ALERTS{alertname="PaymentsPaidTwice", alertstate="firing"}')
    alerts = {alert["labels"]["alertname"]: alert for alert in stack.prometheus.api("alerts")["alerts"]}

    assert {"PaymentsPaidTwice", "PaymentsInReview"} <= alerts.keys()
    texts = [text for alert in alerts.values() for text in alert["annotations"].values()]
    assert all("{{" not in text and "<no value>" not in text and "<error" not in text for text in texts)
