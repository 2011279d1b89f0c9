"""Checks that the API server accepts the objects of every set of values, including the operators' kinds."""

import json
import re
import shlex
from pathlib import Path

import pytest

from tests.chart.rendered import NAMESPACE, OPERATOR_KINDS, SETS, read, render
from tests.e2e.cluster import Cluster
from tests.support.waiting import until

OPERATORS = {
    "ServiceMonitor": ("monitoring.coreos.com", "v1", "servicemonitors"),
    "PrometheusRule": ("monitoring.coreos.com", "v1", "prometheusrules"),
    "HTTPRoute": ("gateway.networking.k8s.io", "v1", "httproutes"),
}
"""Kind: its group, version and plural."""


def _definition(kind: str) -> dict[str, object]:
    """The definition of a kind that accepts any fields: the real schemas belong to the operators."""
    group, version, plural = OPERATORS[kind]
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural}.{group}",
            "annotations": {"api-approved.kubernetes.io": "unapproved, for a test"},
        },
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
            "versions": [{"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": anything}}],
        },
    }


@pytest.fixture(scope="module")
def operators(cluster: Cluster) -> Cluster:
    """The cluster with the kinds and the PriorityClass that the values use."""
    assert set(OPERATORS) >= OPERATOR_KINDS
    names = [str(_definition(kind)["metadata"]["name"]) for kind in OPERATORS]  # type: ignore[index]
    for kind in OPERATORS:
        cluster.kubectl("apply", "-f", "-", text=json.dumps(_definition(kind)))
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", *(f"crd/{name}" for name in names))
    priority = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "important"}}
    cluster.kubectl("apply", "-f", "-", text=json.dumps({**priority, "value": 1000}))
    for namespace in (NAMESPACE, "payments"):
        cluster.create_namespace(namespace)
    until(lambda: "servicemonitors" in cluster.kubectl("api-resources"), "the kinds to be known")
    return cluster


@pytest.mark.parametrize("name", SETS)
def test_the_server_accepts_what_helm_4_renders(operators: Cluster, name: str) -> None:
    objects = {"apiVersion": "v1", "kind": "List", "items": list(render(read(*SETS[name])))}

    output = operators.kubectl("apply", "--server-side", "--dry-run=server", "-f", "-", text=json.dumps(objects))

    assert output.count("serverside-applied") == len(objects["items"])


def test_the_server_accepts_the_command_for_staging(operators: Cluster, root: Path) -> None:
    [command] = re.findall(
        r"^helm (upgrade .*values-staging.*)$", (root / "docs" / "kubernetes.md").read_text(), re.MULTILINE
    )

    # The Secrets that the document creates first are not here.
    output = operators.helm(*shlex.split(command), "--dry-run=server", "--set=preflight=none")

    assert "lea-payments-staging" in output
