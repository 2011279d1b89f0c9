"""Rules and dashboards reach the cluster whole, by the chart and by k8s-local/observability alike."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chart.rendered import ROOT, ci, read, render

RULES = sorted((ROOT / "dashboards" / "rules").glob("*.yaml"))
DASHBOARDS = sorted((ROOT / "dashboards" / "json").glob("*.json"))
LOCAL_STACK = ROOT / "k8s-local" / "observability"


def groups(text: str) -> list[Any]:
    found = yaml.safe_load(text)["groups"]
    assert isinstance(found, list)
    return found


def test_the_operator_gets_every_rule_with_links_to_the_runbook_that_people_read() -> None:
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


def test_each_dashboard_is_in_a_config_map_of_its_own_as_it_was_made() -> None:
    maps = render(ci("telemetry")).of("ConfigMap")
    found = {name: one for name, one in maps.items() if name.startswith("dashboard-")}

    assert len(found) == len(DASHBOARDS) > 0
    for file in DASHBOARDS:
        one = found[f"dashboard-{file.stem}"]
        assert one["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert one["metadata"]["annotations"]["grafana_folder"] == "Payments"
        assert one["data"][file.name].strip() == file.read_text().strip()


def test_neither_is_there_unless_asked_for() -> None:
    release = render(ci("emulator"))

    assert not release.of("PrometheusRule")
    assert not [name for name in release.of("ConfigMap") if name.startswith("dashboard-")]


@pytest.mark.parametrize(
    ("folder", "name", "files"),
    [(LOCAL_STACK, "prometheus-rules", RULES), (LOCAL_STACK / "grafana", "grafana-dashboards", DASHBOARDS)],
    ids=["rules", "dashboards"],
)
def test_the_local_stack_takes_all_of_them(folder: Path, name: str, files: list[Path]) -> None:
    kustomization = read(folder / "kustomization.yaml")
    (listed,) = (one["files"] for one in kustomization["configMapGenerator"] if one["name"] == name)

    assert sorted((folder / file).resolve() for file in listed) == files


def test_the_images_of_the_local_stack_are_loaded_by_make_cluster() -> None:
    script = (ROOT / "k8s-local" / "cluster.sh").read_text()
    manifests = [LOCAL_STACK / "prometheus.yaml", LOCAL_STACK / "jaeger.yaml", LOCAL_STACK / "grafana" / "grafana.yaml"]
    deployments = [
        one for file in manifests for one in yaml.safe_load_all(file.read_text()) if one["kind"] == "Deployment"
    ]
    images = {one["image"] for found in deployments for one in found["spec"]["template"]["spec"]["containers"]}

    assert len(images) == len(manifests)
    assert all(image in script for image in images)
