"""Checks the number of pods in a Deployment that something else scales: in a cluster, and without one."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chart.refusals.cluster_stub import Cluster, install
from tests.chart.rendered import CHART, LOADER, NAMESPACE, REPLICATED, Rendered, Values, ci, merged, render

LOOKUP = 'lookup "apps/v1" "Deployment" $root.Release.Namespace $name'
BY_HELM: dict[str, Any] = {"manager": "helm", "operation": "Apply", "fieldsV1": {"f:spec": {"f:replicas": {}}}}
BY_AUTOSCALER = {**BY_HELM, "manager": "kube-controller-manager", "operation": "Update", "subresource": "scale"}


@pytest.fixture(scope="module")
def chart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the chart that takes the Deployment of the cluster from `global.live`."""
    copy = tmp_path_factory.mktemp("chart") / "lea-payments"
    shutil.copytree(CHART, copy)
    template = copy / "templates" / "_replicas.tpl"
    text = template.read_text()
    assert text.count(LOOKUP) == 1
    template.write_text(text.replace(LOOKUP, "get ($root.Values.global | default dict) `live`"))
    return copy


def upgraded(chart: Path, running: int, /, *managers: dict[str, Any], **scaling: Any) -> Any:
    """The number of webhook's pods after an upgrade of a cluster in which this number runs."""
    live = {"metadata": {"managedFields": [*managers]}, "spec": {"replicas": running}}
    values = merged(ci("emulator"), {"global": {"live": live}, "webhook": {"autoscaling": scaling}})
    return render(values, chart).of("Deployment")["webhook"]["spec"].get("replicas")


@pytest.mark.parametrize("switch", ["enabled", "external"])
@pytest.mark.parametrize(
    ("live", "minimum", "expected"),
    [(5, 2, 5), (2, 5, 5), (1, 2, 2), (0, 2, 2), (3, 3, 3)],
)
def test_switching_autoscaling_on_never_removes_a_pod(
    chart: Path, switch: str, live: int, minimum: int, expected: int
) -> None:
    scaling = {switch: True, "minReplicas": minimum}

    assert upgraded(chart, live, BY_HELM, **scaling) == expected


@pytest.mark.parametrize("live", [0, 1, 5, 17])
def test_every_later_upgrade_keeps_what_the_autoscaler_set(chart: Path, live: int) -> None:
    """Another number would be a conflict in Helm 4, and none at all would mean one pod."""
    assert upgraded(chart, live, BY_HELM, BY_AUTOSCALER, enabled=True, minReplicas=4) == live


def test_a_number_from_the_values_is_not_replaced(chart: Path) -> None:
    assert upgraded(chart, 9) == 2
    assert upgraded(chart, 9, BY_AUTOSCALER) == 2


def test_the_live_number_wins_over_the_one_for_other_tools(chart: Path) -> None:
    assert upgraded(chart, 7, BY_AUTOSCALER, enabled=True, replicas=5) == 7


@pytest.mark.parametrize(("scaling", "expected"), [({}, None), ({"replicas": 5}, 5), ({"replicas": 0}, 0)], ids=str)
def test_without_a_cluster_only_a_number_from_the_values_is_set(scaling: Values, expected: int | None) -> None:
    """Argo CD renders without a cluster: any number of ours would undo the autoscaler's."""
    values = {"serviceDefaults": {"autoscaling": {"enabled": True, **scaling}}}
    deployments = render(merged(ci("emulator"), values)).of("Deployment")

    assert {deployments[name]["spec"].get("replicas") for name in REPLICATED} == {expected}


READABLE = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": NAMESPACE}}
"""Every namespace has it, so a cluster that knows it answers truly that there is no Deployment."""


@pytest.mark.parametrize(
    ("scaling", "expected"),
    [
        ({"enabled": True}, 2),
        ({"enabled": True, "minReplicas": 4}, 4),
        ({"external": True, "minReplicas": 3}, 3),
        ({"enabled": True, "minReplicas": 4, "replicas": 6}, 6),
    ],
    ids=str,
)
def test_a_new_deployment_starts_with_its_fewest_pods(scaling: Values, expected: int) -> None:
    values = merged(ci("emulator"), {"webhook": {"autoscaling": scaling}})

    assert _installed_replicas(Cluster([READABLE]), values) == expected


def test_a_namespace_that_is_not_there_yet_gets_no_number() -> None:
    """With `--create-namespace` Helm renders first, which looks the same as no cluster at all."""
    values = merged(ci("emulator"), {"webhook": {"autoscaling": {"enabled": True}}})

    assert _installed_replicas(Cluster(), values) is None


def _installed_replicas(cluster: Cluster, values: Values) -> Any:
    objects = [one for one in yaml.load_all(install(cluster, values), LOADER) if one]
    [webhook] = [one for one in objects if one["kind"] == "Deployment" and one["metadata"]["name"].endswith("-webhook")]
    return webhook["spec"].get("replicas")


@pytest.fixture(scope="module")
def external() -> Rendered:
    return render(ci("company"))


def test_an_external_autoscaler_gets_no_competitor(external: Rendered) -> None:
    assert external.of("HorizontalPodAutoscaler") == {}
    assert external.of("PodDisruptionBudget").keys() == set(REPLICATED)


def test_external_wins_over_enabled() -> None:
    values = {"serviceDefaults": {"autoscaling": {"enabled": True, "external": True}}}

    assert render(merged(ci("emulator"), values)).of("HorizontalPodAutoscaler") == {}
