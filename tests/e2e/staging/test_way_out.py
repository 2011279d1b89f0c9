"""Checks a cluster whose only way out is an HTTP proxy."""

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.aws import objects
from tests.e2e.cluster import ON_CONTROL_PLANE, Cluster
from tests.e2e.load.events import EventSender, check_results
from tests.e2e.staging.connect_proxy import PORT
from tests.e2e.staging.release import NAMESPACE, Staging

INFRA = "infra"
PROXY = f"http://proxy.{INFRA}.svc:{PORT}"
NOWHERE = ["192.0.2.0/24"]
"""Addresses that nobody has (RFC 5737)."""


@pytest.fixture(scope="module")
def proxy(staging: Staging) -> Cluster:
    """The proxy's pod and Service."""
    cluster = staging.cluster
    cluster.create_namespace(INFRA)
    cluster.kubectl("delete", "--ignore-not-found", "-n", INFRA, "pod/proxy")
    cluster.apply(*_proxy(staging.aws.address()))
    cluster.kubectl("-n", INFRA, "wait", "--for=condition=Ready", "pod/proxy", "--timeout=120s")
    return cluster


def _proxy(aws: str) -> list[dict[str, Any]]:
    metadata = {"name": "proxy", "namespace": INFRA, "labels": {"app": "proxy"}}
    security = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True}
    spec = {
        **ON_CONTROL_PLANE,
        "terminationGracePeriodSeconds": 1,
        "hostAliases": [{"ip": aws, "hostnames": list(objects.HOSTS)}],
        "securityContext": {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [
            {
                "name": "proxy",
                "image": "lea-payments:e2e-1",
                "command": ["python", "-c", (Path(__file__).parent / "connect_proxy.py").read_text()],
                "readinessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 1},
                "securityContext": security,
            }
        ],
    }
    service = {"selector": {"app": "proxy"}, "ports": [{"port": PORT}]}
    return [
        {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec},
        {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": service},
    ]


def test_all_calls_pass_through_the_only_proxy(staging: Staging, proxy: Cluster) -> None:
    to_proxy = {"to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": INFRA}}}]}
    staging.install(
        "e2e-2",
        {"HTTPS_PROXY": PROXY, "NO_PROXY": ".svc,.monitoring"},
        networkPolicy={
            "awsCidrs": NOWHERE,
            "stripeCidrs": NOWHERE,
            "extraEgress": [{**to_proxy, "ports": [{"port": PORT}]}],
        },
    )

    result = EventSender(staging.target(), "proxied", 100, 20)(lambda: None)

    check_results(result)
    assert "Succeeded" in staging.cluster.helm("test", "lea-payments", "-n", NAMESPACE, "--timeout", "3m")
    direct = f"import socket; socket.create_connection(({staging.aws.address()!r}, 443), 3)"
    output = proxy.kubectl(
        *("-n", NAMESPACE, "exec", "deploy/lea-payments-webhook", "--", "python", "-c", direct), check=False
    )
    assert "timed out" in output
    hosts = {line.split()[1] for line in proxy.kubectl("-n", INFRA, "logs", "proxy").splitlines()}
    assert hosts >= set(objects.HOSTS)
