"""Checks that the chart and k8s-local/observability deploy all rules and dashboards."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chart.rendered import ROOT, ci, read, render

RULES = sorted((ROOT / "dashboards" / "rules").glob("*.yaml"))
DASHBOARDS = sorted((ROOT / "dashboards" / "json").glob("*.json"))
LOCAL_STACK = ROOT / "k8s-local" / "observability"


def groups(text: str) -> list[Any]:
    rules = yaml.safe_load(text)["groups"]
    assert isinstance(rules, list)
    return rules


def test_the_rule_object_has_all_rules_and_runbook_links() -> None:
    rule = render(ci("telemetry")).of("PrometheusRule")["rules"]
    texts = [file.read_text().replace("dashboards/runbook.md#", "https://wiki.example.com/payments#") for file in RULES]
    links = [
        one["annotations"]["runbook_url"]
        for group in rule["spec"]["groups"]
        for one in group["rules"]
        if "alert" in one
    ]

    assert rule["metadata"]["labels"]["release"] == "stack"
    assert rule["spec"]["groups"] == [group for text in texts for group in groups(text)]
    assert links
    assert all(link.startswith("https://wiki.example.com/payments#") for link in links)


def test_each_dashboard_has_its_own_config_map() -> None:
    maps = render(ci("telemetry")).of("ConfigMap")
    dashboards = {name: one for name, one in maps.items() if name.startswith("dashboard-")}

    assert len(dashboards) == len(DASHBOARDS) > 0
    for file in DASHBOARDS:
        one = dashboards[f"dashboard-{file.stem}"]
        assert one["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert one["metadata"]["annotations"]["grafana_folder"] == "Payments"
        assert one["data"][file.name].strip() == file.read_text().strip()


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


def test_all_targets_are_labelled_by_component() -> None:
    (endpoint,) = render(ci("telemetry")).of("ServiceMonitor")["metrics"]["spec"]["endpoints"]
    (job,) = read(LOCAL_STACK / "prometheus.yml")["scrape_configs"]
    source = "__meta_kubernetes_pod_label_app_kubernetes_io_component"

    assert endpoint["relabelings"] == [{"sourceLabels": [source], "targetLabel": "component"}]
    assert {"source_labels": [source], "target_label": "component"} in job["relabel_configs"]
