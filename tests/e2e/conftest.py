"""One cluster and one release of the chart for all end-to-end tests; `make e2e` runs them, `make test` does not."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.cluster import THIRD_PARTY_IMAGES, Cluster, build, missing_tools
from tests.e2e.release import NAMESPACE, Release

NAME = "lea-e2e"


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A new kind cluster; KEEP_CLUSTER=1 leaves it for a look."""
    missing = missing_tools()
    if missing:
        pytest.skip(missing)
    cluster = Cluster(NAME, tmp_path_factory.mktemp("cluster"))
    cluster.create()
    cluster.load(*THIRD_PARTY_IMAGES)
    yield cluster
    if os.environ.get("KEEP_CLUSTER") != "1":
        cluster.delete()


@pytest.fixture(scope="session")
def release(cluster: Cluster, root: Path) -> Release:
    """The chart with the local values in a namespace that admits restricted pods only."""
    images = [build("production", "lea-payments:e2e-1"), build("emulator", "lea-payments-emulator:e2e-1")]
    cluster.load(*images)
    release = Release(cluster, root / "charts" / "lea-payments", root / "k8s-local" / "values.yaml")
    cluster.make_namespace(NAMESPACE)
    release.install("e2e-1")
    return release
