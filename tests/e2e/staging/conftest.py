"""Installs values-staging.yaml with the commands of docs/kubernetes.md, on a stand-in for AWS and Stripe."""

from pathlib import Path

import pytest

from tests.e2e import operators
from tests.e2e.aws.stand_in import Aws
from tests.e2e.cluster import Cluster
from tests.e2e.staging.release import Staging


@pytest.fixture(scope="session")
def staging(aws: Aws, probes: Cluster, root: Path) -> Staging:
    """The release of the documented command."""
    operators.install(probes)
    staging = Staging(aws, root)
    staging.prepare()
    staging.install()
    return staging
