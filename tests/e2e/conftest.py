"""Creates one cluster and one release for all end-to-end tests: `make e2e` runs them, `make test` does not."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import operators as operator_kinds
from tests.e2e.aws.stand_in import Aws
from tests.e2e.cluster import ON_CONTROL_PLANE, Cluster, build, missing_tools, third_party_images
from tests.e2e.load.events import OUTSIDE
from tests.e2e.release import MONITORING, NAMESPACE, Release

NAME = "lea-e2e"
TAGS = ("e2e-1", "e2e-2")


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A new kind cluster. KEEP_CLUSTER=1 keeps it after the tests, and uses the one that is there."""
    missing = missing_tools()
    if missing:
        pytest.skip(missing)
    cluster = Cluster(NAME, tmp_path_factory.mktemp("cluster"))
    cluster.create(anew=os.environ.get("KEEP_CLUSTER") != "1")
    others = third_party_images()
    database = next(image for image in others if "dynamodb-local" in image)
    cluster.load(database, control_plane=True)
    cluster.load(*(image for image in others if image != database))
    yield cluster
    if os.environ.get("KEEP_CLUSTER") != "1":
        cluster.delete()


@pytest.fixture(scope="module")
def operators(cluster: Cluster) -> Cluster:
    """The cluster with the kinds and the PriorityClass that the values use."""
    operator_kinds.install(cluster)
    return cluster


@pytest.fixture
def no_operators(cluster: Cluster) -> Cluster:
    """The cluster without those kinds, as long as no other module needs them."""
    operator_kinds.remove(cluster)
    return cluster


@pytest.fixture(scope="session")
def images(cluster: Cluster) -> Cluster:
    """The cluster with our images, which have two tags: one for an installation, one for an upgrade."""
    for tag in TAGS:
        service = build("production", f"lea-payments:{tag}", [f"REVISION={tag}"])
        cluster.load(service, build("emulator", f"lea-payments-emulator:{tag}"), control_plane=tag == TAGS[0])
    return cluster


@pytest.fixture(scope="session")
def release(images: Cluster, root: Path) -> Release:
    """The chart with the local values, in a namespace that admits only restricted pods."""
    cluster = images
    release = Release(cluster, root / "charts" / "lea-payments", root / "k8s-local" / "values.yaml")
    cluster.create_namespace(NAMESPACE)
    release.install(TAGS[0])
    return release


@pytest.fixture(scope="session")
def probes(images: Cluster) -> Cluster:
    """The cluster with two idle pods outside the release, one of them in the monitoring namespace."""
    cluster = images
    for namespace in (OUTSIDE, MONITORING):
        cluster.create_namespace(namespace)
        cluster.apply(_idle_pod(namespace))
        cluster.kubectl("-n", namespace, "wait", "--for=condition=Ready", "pod/probe", "--timeout=120s")
    return cluster


@pytest.fixture(scope="session")
def aws(images: Cluster, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Aws:
    """The stand-in, ready for calls."""
    aws = Aws(images, root / "docs" / "kubernetes.md", tmp_path_factory.mktemp("aws"))
    aws.start()
    return aws


def _idle_pod(namespace: str) -> Any:
    security = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "probe", "namespace": namespace},
        "spec": {
            **ON_CONTROL_PLANE,
            "automountServiceAccountToken": False,
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 1,
            "securityContext": {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [
                {
                    "name": "probe",
                    "image": "lea-payments:e2e-1",
                    "command": ["python", "-c", "import time; time.sleep(86400)"],
                    "securityContext": security,
                    # The sender measures time, so it needs its share of the CPU. The node has room for little more.
                    "resources": {"requests": {"cpu": "50m"}},
                }
            ],
        },
    }
