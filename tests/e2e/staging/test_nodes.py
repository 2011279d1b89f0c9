"""Checks that pods survive the drain of a worker, and that they are spread over workers without zone labels."""

from collections import Counter
from collections.abc import Iterator, Mapping

import pytest

from tests.e2e.cluster import CONTROL_PLANE
from tests.e2e.load.events import EventSender, check_results
from tests.e2e.load.fewest_pods import FewestPods
from tests.e2e.staging.release import NAME, NAMESPACE, SERVICES, Staging
from tests.support.waiting import until

DEPLOYMENTS = [f"{NAME}-{service}" for service in SERVICES]
FILLERS = 8


@pytest.fixture
def workers(staging: Staging) -> Iterator[list[str]]:
    """The names of both workers, which accept pods again after the test."""
    nodes = staging.cluster.get("nodes")["items"]
    names = [node["metadata"]["name"] for node in nodes if CONTROL_PLANE not in node["metadata"]["labels"]]
    assert len(names) == 2
    assert not [node for node in nodes if "topology.kubernetes.io/zone" in node["metadata"]["labels"]]
    yield names
    staging.cluster.kubectl("uncordon", *names)


@pytest.fixture
def fuller_worker(staging: Staging, workers: list[str]) -> Iterator[str]:
    """A worker on which other pods have requested more than on the other one."""
    cluster = staging.cluster
    cluster.apply(_fillers(workers[0]))
    cluster.rollout("default", "deployment/fillers")
    yield workers[0]
    cluster.kubectl("delete", "-n", "default", "deployment/fillers", "--wait=false")


def _fillers(node: str) -> Mapping[str, object]:
    container = {
        "name": "pause",
        "image": "registry.k8s.io/pause:3.10",
        "resources": {"requests": {"cpu": "50m", "memory": "256Mi"}},
    }
    spec = {
        "nodeSelector": {"kubernetes.io/hostname": node},
        "terminationGracePeriodSeconds": 0,
        "containers": [container],
    }
    labels = {"app": "fillers"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "fillers", "namespace": "default"},
        "spec": {
            "replicas": FILLERS,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }


def _nodes(staging: Staging) -> dict[str, Counter[str]]:
    """Service: how many of its pods each node runs."""
    return {service: Counter(pod["spec"]["nodeName"] for pod in staging.pods(service)) for service in SERVICES}


def test_five_rollouts_never_put_a_service_on_one_node(staging: Staging, fuller_worker: str) -> None:
    seen = []
    for _ in range(5):
        staging.restart(*SERVICES)
        seen.append(_nodes(staging))

    print(f"\n{fuller_worker} is fuller: {seen}")
    assert [service for nodes in seen for service, counts in nodes.items() if len(counts) < 2] == []


def test_the_drain_of_a_worker_loses_no_event(staging: Staging, workers: list[str]) -> None:
    """All pods are on the worker that is drained, so only the disruption budgets keep some of them."""
    drained, other = workers
    cluster = staging.cluster
    cluster.kubectl("cordon", other)
    staging.restart(*SERVICES)
    cluster.kubectl("uncordon", other)
    assert {service: set(counts) for service, counts in _nodes(staging).items()} == {
        service: {drained} for service in SERVICES
    }

    def drain() -> None:
        selector = f"--pod-selector=app.kubernetes.io/instance={NAME}"
        cluster.kubectl("drain", drained, "--delete-emptydir-data", selector, "--timeout=240s")

    fewest = FewestPods(cluster, NAMESPACE, DEPLOYMENTS)
    result = EventSender(staging.target(), "drained", 600, 15)(lambda: fewest.during(drain))

    check_results(result)
    assert min(fewest.ready.values()) >= 1
    until(lambda: all(set(counts) == {other} for counts in _nodes(staging).values()), "all pods on the other worker")
