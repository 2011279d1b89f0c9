"""Gives the cluster the kinds of objects that operators would, and takes them away."""

from typing import Any

from tests.e2e.cluster import Cluster
from tests.support.waiting import until

KINDS = {
    "ServiceMonitor": ("monitoring.coreos.com", "v1", "servicemonitors"),
    "PrometheusRule": ("monitoring.coreos.com", "v1", "prometheusrules"),
    "HTTPRoute": ("gateway.networking.k8s.io", "v1", "httproutes"),
}
"""Kind: its group, version and plural."""


def install(cluster: Cluster) -> None:
    """Creates the kinds and the PriorityClass that the chart's values use; safe to repeat."""
    priority = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "important"}}
    cluster.apply(*(_definition(kind) for kind in KINDS), {**priority, "value": 1000})
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", *_names())
    until(lambda: "servicemonitors" in cluster.kubectl("api-resources"), "the kinds to be known")


def remove(cluster: Cluster) -> None:
    """Removes the kinds and all their objects."""
    cluster.kubectl("delete", "--ignore-not-found", "--wait", *_names())
    until(lambda: "servicemonitors" not in cluster.kubectl("api-resources"), "the kinds to be gone")


def _names() -> list[str]:
    return [f"crd/{plural}.{group}" for group, _, plural in KINDS.values()]


def _definition(kind: str) -> dict[str, Any]:
    """The definition of a kind that accepts any fields: the real schemas belong to the operators."""
    group, version, plural = KINDS[kind]
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
