"""What stands around the chart in this repository agrees with it: the versions, kind's files, skaffold.yaml."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from lea_payments import __version__
from tests.chart.rendered import CHART, LOCAL, PARTS, ROOT, container, merged, read, render
from tests.chart.test_every_set_of_values import KUBERNETES


@pytest.fixture(scope="module")
def skaffold() -> dict[str, Any]:
    found = yaml.safe_load((ROOT / "skaffold.yaml").read_text())
    assert isinstance(found, dict)
    return found


def test_the_chart_installs_the_version_of_the_service() -> None:
    assert yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"] == __version__


def test_kinds_node_runs_the_version_that_objects_are_checked_against() -> None:
    (node,) = yaml.safe_load((ROOT / "k8s-local" / "kind.yaml").read_text())["nodes"]

    assert node["image"].startswith(f"kindest/node:v{KUBERNETES}.")


def test_local_values_hold_only_what_differs() -> None:
    def same(values: dict[str, Any], defaults: dict[str, Any], path: str = "") -> list[str]:
        found = []
        for key, value in values.items():
            if isinstance(value, dict):
                found += same(value, defaults.get(key, {}), f"{path}{key}.")
            elif defaults.get(key) == value:
                found.append(f"{path}{key}")
        return found

    assert same(read(LOCAL), read(CHART / "values.yaml")) == []


def forwards(skaffold: dict[str, Any]) -> list[dict[str, Any]]:
    patches = [patch for profile in skaffold["profiles"] for patch in profile.get("patches", [])]
    added = [patch["value"] for patch in patches if patch["path"].startswith("/portForward")]
    return [*skaffold["portForward"], *added]


def test_skaffold_forwards_services_and_ports_that_the_chart_has(skaffold: dict[str, Any]) -> None:
    services = {
        (found["metadata"]["name"], port["port"])
        for found in render(read(LOCAL)).of("Service").values()
        for port in found["spec"]["ports"]
    }
    wanted = {(one["resourceName"], one["port"]) for one in forwards(skaffold) if one["namespace"] == "lea-payments"}

    assert wanted == services


def test_skaffold_forwards_the_local_stack(skaffold: dict[str, Any]) -> None:
    files = (ROOT / "k8s-local" / "observability").rglob("*.yaml")
    objects = [one for file in files for one in yaml.safe_load_all(file.read_text()) if one.get("kind") == "Service"]
    services = {(one["metadata"]["name"], port["port"]) for one in objects for port in one["spec"]["ports"]}
    wanted = {(one["resourceName"], one["port"]) for one in forwards(skaffold) if one["namespace"] == "monitoring"}

    assert wanted == services - {("jaeger", 4318)}  # where the parts send their traces, in the cluster


def test_skaffold_sets_only_values_that_the_chart_takes(skaffold: dict[str, Any]) -> None:
    (release,) = skaffold["deploy"]["helm"]["releases"]
    patches = [patch for profile in skaffold["profiles"] for patch in profile.get("patches", [])]
    names = {*release.get("setValueTemplates", {}), *release.get("setValues", {})}
    for patch in patches:
        where = patch["path"].partition("/releases/0/setValue")[2]
        if where:
            _, _, name = where.partition("/")
            names |= {name} if name else set(patch["value"])
    values: dict[str, Any] = {}
    for name in names:
        value: Any = {"enabled": False, "existingSecret": "a", "tag": "a"}.get(name.rpartition(".")[2], "")
        value = "a" if name.endswith("repository") else value
        for key in reversed(name.split(".")):
            value = {key: value}
        values = merged(values, value)

    assert Path(ROOT / release["chartPath"]) == CHART
    assert [ROOT / file for file in release["valuesFiles"]] == [LOCAL]
    assert names
    assert list(render(merged(read(LOCAL), values)))


def test_skaffold_copies_code_to_where_a_part_may_write(skaffold: dict[str, Any]) -> None:
    patches = [patch for profile in skaffold["profiles"] for patch in profile.get("patches", [])]
    copies = [rule["dest"] for patch in patches if patch["path"].endswith("/sync") for rule in patch["value"]["manual"]]
    pods = render(read(LOCAL)).pods()

    assert copies
    for part in PARTS:
        mounts = [mount["mountPath"] for mount in container(pods[part])["volumeMounts"] if not mount.get("readOnly")]
        assert all(any(Path(copy).is_relative_to(mount) for mount in mounts) for copy in copies)


def test_the_images_that_make_cluster_loads_are_those_of_the_chart() -> None:
    script = (ROOT / "k8s-local" / "cluster.sh").read_text()
    images = {container(pod)["image"] for pod in render(read(LOCAL)).pods().values()}

    assert all(image in script for image in images if not image.startswith("lea-payments"))
