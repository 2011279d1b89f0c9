"""Checks that the API server accepts each release name that Helm accepts, and installs two of them."""

import re
from pathlib import Path

import pytest

from tests.e2e.cluster import Cluster

NAMESPACE = "2025"
NAMES = ["1.5", "pay.eu", "1e5", "true", "1234-preview", "p" * 53]


@pytest.fixture(scope="module")
def namespace(cluster: Cluster) -> Cluster:
    """The cluster with a namespace whose name is a number, too."""
    cluster.kubectl("delete", "--ignore-not-found", "namespace", NAMESPACE)
    cluster.create_namespace(NAMESPACE)
    return cluster


def _chart(root: Path) -> tuple[str, ...]:
    chart = root / "charts" / "lea-payments"
    return (str(chart), "-n", NAMESPACE, "-f", str(chart / "ci" / "emulator-values.yaml"))


@pytest.mark.parametrize("name", NAMES)
def test_the_api_server_accepts_every_object(namespace: Cluster, root: Path, name: str) -> None:
    manifests = namespace.helm("template", name, *_chart(root))

    output = namespace.kubectl("apply", "--dry-run=server", "-f", "-", text=manifests)

    expected = len(re.findall(r"^kind: ", manifests, re.MULTILINE))
    assert output.count("(server dry run)") == expected > 20


@pytest.mark.parametrize("name", ["1.5", "pay.eu"])
def test_a_release_is_installed_and_removed(namespace: Cluster, root: Path, name: str) -> None:
    """Without waiting for its pods, which need no other names."""
    namespace.helm("install", name, *_chart(root))
    selector = f"app.kubernetes.io/instance={name}"
    installed = namespace.get("-n", NAMESPACE, "deployments", "-l", selector)["items"]
    namespace.helm("uninstall", "-n", NAMESPACE, name, "--wait", "--timeout", "4m")

    assert {one["metadata"]["labels"]["app.kubernetes.io/component"] for one in installed} >= {"webhook", "pages"}
    assert namespace.get("-n", NAMESPACE, "deployments", "-l", selector)["items"] == []
