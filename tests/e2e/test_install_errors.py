"""Checks on a real cluster that an install or upgrade that cannot work ends at once, in our words."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.cluster import Cluster

NAMESPACE, NAME = "install-errors", "errors"
NOWHERE = ("--set", "nodeSelector.none=none")
"""Keeps the pods off all nodes: these tests need the objects only."""


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[Cluster]:
    """The cluster with an empty namespace, which is deleted at the end."""
    cluster.create_namespace(NAMESPACE)
    yield cluster
    cluster.helm("uninstall", NAME, "-n", NAMESPACE, "--ignore-not-found")
    cluster.kubectl("delete", "namespace", NAMESPACE, "--timeout=120s")


def helm(cluster: Cluster, root: Path, verb: str, values: str, *options: str) -> str:
    """Runs an install or upgrade and returns its whole output, whether it works or not."""
    chart = root / "charts" / "lea-payments"
    file = chart / "ci" / f"{values}-values.yaml"
    return cluster.helm(verb, NAME, str(chart), "-n", NAMESPACE, "-f", str(file), *options, check=False, seconds=60)


def revisions(cluster: Cluster) -> list[tuple[str, str]]:
    """Revision and status of each release in the namespace."""
    listed = json.loads(cluster.helm("list", "-n", NAMESPACE, "--all", "-o", "json"))
    return [(one["revision"], one["status"]) for one in listed]


def test_missing_secrets_are_created_by_the_printed_commands(namespace: Cluster, root: Path) -> None:
    output = helm(namespace, root, "install", "sandbox")
    commands = re.findall(r"(kubectl create secret .*)$", output, re.MULTILINE)

    assert "the cluster is not ready for this release" in output
    assert len(commands) == 2
    assert revisions(namespace) == []
    for command in commands:
        namespace.run("sh", "-c", command)
    assert "kind: Deployment" in helm(namespace, root, "install", "sandbox", "--dry-run=server")


@pytest.mark.usefixtures("no_operators")
def test_a_missing_operator_is_named(namespace: Cluster, root: Path) -> None:
    output = helm(namespace, root, "install", "telemetry")

    assert "serviceMonitor.enabled is true, but the cluster does not know" in output
    assert "no matches for kind" not in output
    assert revisions(namespace) == []


def test_a_changed_volume_is_refused_and_the_release_stays(namespace: Cluster, root: Path) -> None:
    helm(namespace, root, "install", "emulator", *NOWHERE)

    output = helm(namespace, root, "upgrade", "emulator", *NOWHERE, "--set", "dynamodb.local.persistence.size=2Gi")

    assert "dynamodb.local.persistence.size is 2Gi, but the volume of" in output
    assert revisions(namespace) == [("1", "deployed")]
    helm(namespace, root, "upgrade", "emulator", *NOWHERE, "--set", "dynamodb.local.persistence.size=1024Mi")
    assert revisions(namespace) == [("2", "deployed")]


@pytest.mark.parametrize("values", ["emulator", "sandbox"])
def test_who_may_change_only_a_namespace_may_install(namespace: Cluster, root: Path, values: str) -> None:
    namespace.kubectl("-n", NAMESPACE, "create", "rolebinding", "installer", "--clusterrole=admin", "--user=installer")
    for name, keys in (("my-stripe", ("signing", "key")), ("my-checkout", ("token",))):
        literals = [f"--from-literal={key}=x" for key in keys]
        namespace.kubectl("-n", NAMESPACE, "create", "secret", "generic", name, *literals)

    output = helm(namespace, root, "install", values, "--dry-run=server", "--kube-as-user=installer")

    assert "kind: Deployment" in output
