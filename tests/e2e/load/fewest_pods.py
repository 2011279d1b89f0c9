"""Watches the number of ready pods during an operation."""

import threading
from collections.abc import Callable, Sequence

from tests.e2e.cluster import Cluster


class FewestPods:
    """The smallest number of ready pods of each Deployment during an operation."""

    def __init__(self, cluster: Cluster, namespace: str, deployments: Sequence[str]) -> None:
        self.ready = dict.fromkeys(deployments, 1000)
        self._cluster, self._namespace = cluster, namespace
        self._ended = threading.Event()

    def during(self, operation: Callable[[], None]) -> None:
        """Runs the operation and looks at the pods all the time."""
        watch = threading.Thread(target=self._watch)
        watch.start()
        try:
            operation()
        finally:
            self._ended.set()
            watch.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.2):
            for deployment, fewest in self.ready.items():
                status = self._cluster.get("-n", self._namespace, f"deployment/{deployment}")["status"]
                self.ready[deployment] = min(fewest, status.get("readyReplicas", 0))
