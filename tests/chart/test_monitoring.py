"""Checks that the chart and k8s-local/observability deploy all rules and dashboards."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chart.objects import strict
from tests.chart.rendered import ROOT, ci, merged, read, render

RULES = sorted((ROOT / "dashboards" / "rules").glob("*.yaml"))
DASHBOARDS = sorted((ROOT / "dashboards" / "json").glob("*.json"))
LOCAL_STACK = ROOT / "k8s-local" / "observability"


def groups(text: str) -> list[Any]:
    rules = yaml.safe_load(text)["groups"]
    assert isinstance(rules, list)
    return rules


def alerts(rule: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for group in rule["spec"]["groups"] for one in group["rules"] if "alert" in one]


def without_labels(groups: list[Any]) -> list[Any]:
    return [
        {**group, "rules": [{key: value for key, value in one.items() if key != "labels"} for one in group["rules"]]}
        for group in groups
    ]


def test_the_rule_object_has_all_rules_and_runbook_links() -> None:
    rule = render(ci("telemetry")).of("PrometheusRule")["rules"]
    texts = [file.read_text().replace("dashboards/runbook.md#", "https://wiki.example.com/payments#") for file in RULES]
    links = [one["annotations"]["runbook_url"] for one in alerts(rule)]

    assert without_labels(rule["spec"]["groups"]) == without_labels([group for text in texts for group in groups(text)])
    assert links
    assert all(link.startswith("https://wiki.example.com/payments#") for link in links)


def test_alerts_have_the_given_labels_and_severities() -> None:
    given = alerts(render(ci("telemetry")).of("PrometheusRule")["rules"])
    default = alerts(render({**ci("emulator"), "prometheusRule": {"enabled": True}}).of("PrometheusRule")["rules"])

    assert {one["labels"]["severity"] for one in default} == {"critical", "warning"}
    assert all(one["labels"].keys() == {"severity"} for one in default)
    names = {"critical": "page", "warning": "warning"}
    assert [one["labels"] for one in given] == [
        {"severity": names[one["labels"]["severity"]], "team": "payments"} for one in default
    ]


def test_no_link_leads_to_the_runbook_of_this_repository() -> None:
    release = render(ci("telemetry"))
    text = str([one for kind in ("ConfigMap", "PrometheusRule") for one in release.of(kind).values()])

    assert text.count("https://wiki.example.com/payments") > 50
    assert "dashboards/runbook.md" not in text


def test_a_given_label_replaces_the_label_of_the_chart() -> None:
    release = render(ci("telemetry"))

    assert release.of("PrometheusRule")["rules"]["metadata"]["labels"]["release"] == "stack"
    assert release.of("PrometheusRule")["rules"]["metadata"]["labels"]["app.kubernetes.io/name"] == (
        "kube-prometheus-stack"
    )
    assert release.of("ServiceMonitor")["metrics"]["metadata"]["labels"]["app.kubernetes.io/component"] == "monitoring"
    strict.check(release.texts)


def test_each_dashboard_has_its_own_config_map() -> None:
    maps = render(ci("telemetry")).of("ConfigMap")
    dashboards = {name: one for name, one in maps.items() if name.startswith("dashboard-")}

    assert len(dashboards) == len(DASHBOARDS) > 0
    for file in DASHBOARDS:
        one = dashboards[f"dashboard-{file.stem}"]
        assert one["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert one["metadata"]["annotations"]["grafana_folder"] == "Payments"
        dashboard = file.read_text().replace("dashboards/runbook.md", "https://wiki.example.com/payments")
        assert json.loads(one["data"][file.name]) == json.loads(dashboard)


def test_rules_and_dashboards_are_off_by_default() -> None:
    release = render(ci("emulator"))

    assert not release.of("PrometheusRule")
    assert not [name for name in release.of("ConfigMap") if name.startswith("dashboard-")]


@pytest.mark.parametrize(
    ("folder", "name", "files"),
    [(LOCAL_STACK, "prometheus-rules", RULES), (LOCAL_STACK / "grafana", "grafana-dashboards", DASHBOARDS)],
    ids=["rules", "dashboards"],
)
def test_the_local_stack_has_all_rules_and_dashboards(folder: Path, name: str, files: list[Path]) -> None:
    kustomization = read(folder / "kustomization.yaml")
    (file_names,) = (one["files"] for one in kustomization["configMapGenerator"] if one["name"] == name)

    assert sorted((folder / file).resolve() for file in file_names) == files


def test_all_targets_are_labelled_by_service_and_release() -> None:
    (endpoint,) = render(ci("telemetry")).of("ServiceMonitor")["metrics"]["spec"]["endpoints"]
    (job,) = read(LOCAL_STACK / "prometheus.yml")["scrape_configs"]
    labels = {"component": "app_kubernetes_io_component", "release": "app_kubernetes_io_instance"}

    for target, source in labels.items():
        label = f"__meta_kubernetes_pod_label_{source}"
        assert {"sourceLabels": [label], "targetLabel": target} in endpoint["relabelings"]
        assert {"source_labels": [label], "target_label": target} in job["relabel_configs"]


def test_the_service_monitor_takes_prometheus_options() -> None:
    monitor = render(ci("telemetry")).of("ServiceMonitor")["metrics"]["spec"]
    (endpoint,) = monitor["endpoints"]

    assert (endpoint["interval"], endpoint["scrapeTimeout"]) == ("15s", "10s")
    assert endpoint["relabelings"][-1] == {"targetLabel": "cluster", "replacement": "eu-1"}
    assert endpoint["metricRelabelings"] == [{"sourceLabels": ["__name__"], "regex": "python_gc_.*", "action": "drop"}]


@pytest.mark.parametrize("keeps", [True, False])
def test_classic_histograms_are_kept_beside_native_ones(keeps: bool) -> None:
    values = merged(ci("telemetry"), {"serviceMonitor": {"scrapeClassicHistograms": keeps}})
    monitor = render(values).of("ServiceMonitor")["metrics"]["spec"]

    assert monitor.get("scrapeClassicHistograms", False) is keeps


def test_empty_durations_leave_the_defaults_of_prometheus() -> None:
    values = merged(ci("emulator"), {"serviceMonitor": {"enabled": True, "interval": "", "scrapeTimeout": ""}})
    (endpoint,) = render(values).of("ServiceMonitor")["metrics"]["spec"]["endpoints"]

    assert endpoint.keys() == {"port", "relabelings"}
