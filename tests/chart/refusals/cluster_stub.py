"""A small API server that answers what Helm asks before it changes anything: discovery and single objects."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import helm_python as helm
import yaml

from tests.chart.rendered import CHART, NAMESPACE, RELEASE, Object, Values

RESOURCES: dict[str, dict[str, tuple[str, bool]]] = {
    "v1": {
        "Secret": ("secrets", True),
        "ServiceAccount": ("serviceaccounts", True),
        "Service": ("services", True),
        "ConfigMap": ("configmaps", True),
        "Pod": ("pods", True),
        "Namespace": ("namespaces", False),
    },
    "apps/v1": {"Deployment": ("deployments", True), "StatefulSet": ("statefulsets", True)},
    "batch/v1": {"Job": ("jobs", True)},
    "autoscaling/v2": {"HorizontalPodAutoscaler": ("horizontalpodautoscalers", True)},
    "policy/v1": {"PodDisruptionBudget": ("poddisruptionbudgets", True)},
    "networking.k8s.io/v1": {
        "NetworkPolicy": ("networkpolicies", True),
        "Ingress": ("ingresses", True),
        "IngressClass": ("ingressclasses", False),
    },
    "scheduling.k8s.io/v1": {"PriorityClass": ("priorityclasses", False)},
    "storage.k8s.io/v1": {"StorageClass": ("storageclasses", False)},
}
"""API version: its kinds, each with its plural and whether it has a namespace."""
PROMETHEUS_OPERATOR = {
    "monitoring.coreos.com/v1": {
        "ServiceMonitor": ("servicemonitors", True),
        "PrometheusRule": ("prometheusrules", True),
    }
}
GATEWAY_API = {"gateway.networking.k8s.io/v1": {"HTTPRoute": ("httproutes", True)}}


@dataclass
class Cluster:
    """What the API server knows: objects, kinds of operators, and the plurals that the user may not read."""

    objects: list[Object] = field(default_factory=list)
    operators: dict[str, dict[str, tuple[str, bool]]] = field(default_factory=dict)
    forbidden: frozenset[str] = frozenset()
    requests: list[str] = field(default_factory=list)

    def answer(self, path: str) -> tuple[int, Any]:
        """Status and body of a GET. An empty description of all objects makes Helm validate none."""
        resources = {**RESOURCES, **self.operators}
        prefix, _, version = path.strip("/").partition("/")
        if path == "/version":
            return 200, {"major": "1", "minor": "34", "gitVersion": "v1.34.0"}
        if path == "/openapi/v2":
            return 200, None
        if path == "/api":
            return 200, {"kind": "APIVersions", "versions": ["v1"]}
        if path == "/apis":
            return 200, {
                "kind": "APIGroupList",
                "apiVersion": "v1",
                "groups": [_group(one) for one in resources if one != "v1"],
            }
        if prefix in {"api", "apis"} and version in resources:
            return 200, _kinds(version, resources[version])
        return self._object(path, resources)

    def _object(self, path: str, resources: dict[str, dict[str, tuple[str, bool]]]) -> tuple[int, Any]:
        if path.split("/")[-2] in self.forbidden:
            return 403, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Forbidden", "code": 403}
        if path.endswith("/secrets"):
            return 200, {"kind": "SecretList", "apiVersion": "v1", "items": []}
        for one in self.objects:
            plural, is_namespaced = resources[one["apiVersion"]][one["kind"]]
            root = "/api/" if one["apiVersion"] == "v1" else "/apis/"
            place = f"namespaces/{one['metadata'].get('namespace', NAMESPACE)}/" if is_namespaced else ""
            if path == f"{root}{one['apiVersion']}/{place}{plural}/{one['metadata']['name']}":
                return 200, one
        return 404, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}


def _group(version: str) -> Object:
    group, _, short = version.partition("/")
    named = {"groupVersion": version, "version": short}
    return {"name": group, "versions": [named], "preferredVersion": named}


def _kinds(version: str, kinds: dict[str, tuple[str, bool]]) -> Object:
    resources = [
        {
            "name": plural,
            "singularName": kind.lower(),
            "kind": kind,
            "namespaced": is_namespaced,
            "verbs": ["get", "list"],
        }
        for kind, (plural, is_namespaced) in kinds.items()
    ]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": resources}


@contextmanager
def served(cluster: Cluster) -> Iterator[str]:
    """The address of an API server with this cluster."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # Helm keeps its connection
        disable_nagle_algorithm = True

        def log_message(self, *_: object) -> None:
            """Nothing: the test reads `requests`."""

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            cluster.requests.append(path)
            status, body = cluster.answer(path)
            content = b"" if body is None else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def kubeconfig(address: str) -> str:
    """A kubeconfig for this API server."""
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "stub", "cluster": {"server": address}}],
            "contexts": [{"name": "stub", "context": {"cluster": "stub", "user": "stub", "namespace": NAMESPACE}}],
            "users": [{"name": "stub", "user": {}}],
            "current-context": "stub",
        }
    )


@contextmanager
def connected(cluster: Cluster) -> Iterator[tuple[helm.Config, helm.Chart]]:
    """Helm, connected to this cluster, and the chart."""
    with (
        served(cluster) as address,
        helm.Config(kubeconfig_content=kubeconfig(address), namespace=NAMESPACE, storage_driver="memory") as config,
        helm.Chart.load(CHART) as chart,
    ):
        yield config, chart


def install(cluster: Cluster, values: Values, name: str = RELEASE) -> str:
    """The manifest that an install would send to the cluster; raises helm.HelmError if the chart refuses."""
    with connected(cluster) as (config, chart):
        return str(config.install(chart, name, values, namespace=NAMESPACE, dry_run="server")["manifest"])


def notes(cluster: Cluster, values: Values) -> str:
    """What an install prints, with all lookups but without the cluster's kinds."""
    with connected(cluster) as (config, chart):
        files = config.render(chart, values, name=RELEASE, namespace=NAMESPACE)
    return next(text for file, text in files.items() if file.endswith("NOTES.txt"))


def looked_up(cluster: Cluster, values: Values) -> set[str]:
    """Plural and name of each object that the templates look up."""
    with connected(cluster) as (config, chart):
        config.render(chart, values, name=RELEASE, namespace=NAMESPACE)
    return {"/".join(path.split("/")[-2:]) for path in cluster.requests if f"/namespaces/{NAMESPACE}/" in path}
