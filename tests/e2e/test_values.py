"""Checks that the API server accepts the objects of every set of values, including the operators' kinds."""

import json
import re
import shlex
from pathlib import Path

import pytest

from tests.chart.rendered import NAMESPACE, OPERATOR_KINDS, SETS, read, render
from tests.e2e.cluster import Cluster
from tests.e2e.operators import KINDS


@pytest.fixture(scope="module")
def namespaces(operators: Cluster) -> Cluster:
    """The cluster with the operators' kinds and the namespaces of the objects."""
    assert set(KINDS) >= OPERATOR_KINDS
    for namespace in (NAMESPACE, "payments"):
        operators.create_namespace(namespace)
    return operators


@pytest.mark.parametrize("name", SETS)
def test_the_server_accepts_what_helm_4_renders(namespaces: Cluster, name: str) -> None:
    items = list(render(read(*SETS[name])))
    # Even a dry run looks for the ServiceAccount of a pod that no controller creates: the one of `helm test`.
    namespaces.apply(*(item for item in items if item["kind"] == "ServiceAccount"))

    output = namespaces.kubectl(
        *("apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", "-"),
        text=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}),
    )

    assert output.count("serverside-applied") == len(items)


def test_the_server_accepts_the_command_for_staging(namespaces: Cluster, root: Path) -> None:
    [command] = re.findall(
        r"^helm (upgrade .*values-staging.*)$", (root / "docs" / "kubernetes.md").read_text(), re.MULTILINE
    )

    # The Secrets that the document creates first are not here.
    output = namespaces.helm(*shlex.split(command), "--dry-run=server", "--set=preflight=none")

    assert "lea-payments-staging" in output
