"""Checks a namespace with a range of users, a quota and a number as its name, and what an uninstallation leaves."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.aws import objects, user_range
from tests.e2e.aws.stand_in import Aws
from tests.e2e.cluster import Cluster
from tests.e2e.load.payments import pay
from tests.e2e.release import Release
from tests.support.waiting import until

NAMESPACE, NAME = "2024", "1234"
LIMITS = {"limits.cpu": "16", "limits.memory": "8Gi", "requests.cpu": "2", "requests.memory": "4Gi"}
DNS_OF_KIND = {
    "dns": [
        {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
            "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
        }
    ],
    "dnsPorts": [53],
}
"""Where DNS is here, in place of OpenShift's."""

USER_OF_DYNAMODB = {"runAsUser": 1000, "runAsGroup": 1000, "fsGroup": 1000}
"""Its image can be read by this user only."""

ALWAYS_THERE = {"configmaps/kube-root-ca.crt", "serviceaccounts/default", "resourcequotas/quota"}
VOLATILE = ("events", "pods.metrics")


@pytest.fixture(scope="module")
def strict(aws: Aws, root: Path) -> Iterator[Release]:
    """A release with OpenShift's values and those for a quota."""
    cluster = aws.cluster
    cluster.kubectl("delete", "--ignore-not-found", "namespace", NAMESPACE)
    cluster.create_namespace(NAMESPACE, {objects.USERS: "true"})
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "quota", "namespace": NAMESPACE}}
    cluster.apply({**quota, "spec": {"hard": LIMITS}})
    chart = root / "charts" / "lea-payments"
    release = Release(cluster, chart, root / "k8s-local" / "values.yaml", NAMESPACE, NAME)
    values = ("-f", str(chart / "ci" / "openshift-values.yaml"), "-f", str(chart / "ci" / "quota-values.yaml"))
    here = {"networkPolicy": DNS_OF_KIND, "dynamodb": {"local": {"podSecurityContext": USER_OF_DYNAMODB}}}
    release.install("e2e-1", *values, *(f"--set-json={name}={json.dumps(value)}" for name, value in here.items()))
    yield release
    cluster.kubectl("delete", "--ignore-not-found", "--wait=false", "namespace", NAMESPACE)


def test_every_pod_runs_as_a_user_of_the_namespace(strict: Release) -> None:
    """All but DynamoDB Local, which is for development."""
    pods = [pod for pod in strict.objects("pods") if not pod["metadata"]["name"].endswith("-dynamodb-0")]

    users = {pod["spec"]["securityContext"]["runAsUser"] for pod in pods}
    assert users == {user_range.FIRST}
    assert strict.cluster.kubectl(
        *("-n", NAMESPACE, "exec", strict.running_pod("webhook"), "--", "id", "-u")
    ).strip() == str(user_range.FIRST)
    pay(strict)


def test_another_user_is_refused(strict: Release) -> None:
    """Proves that the range is enforced."""
    pod = {"metadata": {"name": "other", "namespace": NAMESPACE}, "apiVersion": "v1", "kind": "Pod"}
    spec: dict[str, Any] = {"securityContext": {"runAsUser": 10001}, "containers": [{"name": "x", "image": "x"}]}

    with pytest.raises(AssertionError, match="not in the range of the namespace"):
        strict.cluster.apply({**pod, "spec": spec})


def test_helm_test_works_under_the_quota(strict: Release) -> None:
    assert "Succeeded" in strict.test()


def test_an_uninstallation_leaves_only_the_volume(strict: Release) -> None:
    strict.test()

    strict.uninstall()

    until(lambda: not strict.cluster.get("-n", NAMESPACE, "pods")["items"], "all pods to end")
    left = _objects(strict.cluster) - ALWAYS_THERE
    assert left == {f"persistentvolumeclaims/{claim}" for claim in _claims(strict.cluster)}
    assert len(left) == 1


def _claims(cluster: Cluster) -> list[str]:
    return [claim["metadata"]["name"] for claim in cluster.get("-n", NAMESPACE, "persistentvolumeclaims")["items"]]


def _objects(cluster: Cluster) -> set[str]:
    """All objects of the namespace."""
    kinds = cluster.kubectl("api-resources", "--namespaced", "--verbs=list", "-o", "name").split()
    names = [kind for kind in kinds if not kind.startswith(VOLATILE)]
    items = cluster.get("-n", NAMESPACE, ",".join(names))["items"]
    return {f"{_plural(item['kind'])}/{item['metadata']['name']}" for item in items}


def _plural(kind: str) -> str:
    return kind.lower().removesuffix("y") + ("ies" if kind.endswith("y") else "s")
