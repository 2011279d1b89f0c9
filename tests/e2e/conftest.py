"""Creates one cluster and one release for all end-to-end tests: `make e2e` runs them, `make test` does not."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.cluster import Cluster, build, missing_tools, third_party_images
from tests.e2e.release import MONITORING, NAMESPACE, OUTSIDE, Release

NAME = "lea-e2e"


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A new kind cluster; KEEP_CLUSTER=1 keeps it after the tests."""
    missing = missing_tools()
    if missing:
        pytest.skip(missing)
    cluster = Cluster(NAME, tmp_path_factory.mktemp("cluster"))
    cluster.create()
    cluster.load(*third_party_images())
    yield cluster
    if os.environ.get("KEEP_CLUSTER") != "1":
        cluster.delete()


@pytest.fixture(scope="session")
def release(cluster: Cluster, root: Path) -> Release:
    """The chart with the local values, in a namespace that admits only restricted pods."""
    images = [
        build("production", "lea-payments:e2e-1", ["REVISION=e2e-1"]),
        build("emulator", "lea-payments-emulator:e2e-1"),
    ]
    cluster.load(*images)
    release = Release(cluster, root / "charts" / "lea-payments", root / "k8s-local" / "values.yaml")
    cluster.create_namespace(NAMESPACE)
    release.install("e2e-1")
    return release


@pytest.fixture(scope="session")
def probes(release: Release) -> Cluster:
    """The cluster with two idle pods outside the release, one of them in the monitoring namespace."""
    cluster = release.cluster
    for namespace in (OUTSIDE, MONITORING):
        cluster.create_namespace(namespace)
        cluster.kubectl("apply", "-f", "-", text=json.dumps(_idle_pod(namespace)))
        cluster.kubectl("-n", namespace, "wait", "--for=condition=Ready", "pod/probe", "--timeout=120s")
    return cluster


def _idle_pod(namespace: str) -> Any:
    security = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "probe", "namespace": namespace},
        "spec": {
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
