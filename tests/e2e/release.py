"""Installs, upgrades and reads a release of the chart in the cluster."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.e2e.cluster import Cluster
from tests.e2e.load.events import Target
from tests.e2e.load.records import Records, records

NAMESPACE, NAME = "lea", "lea"
MONITORING = "monitoring"
PORTS = {"webhook": 8086, "pages": 8085, "checkout": 8084, "emulator": 8087, "mcp": 8080, "dynamodb": 8000}
WAIT = ("--wait", "--wait-for-jobs", "--timeout", "4m")


class Release:
    """A release of the chart, its objects and the addresses of its services."""

    def __init__(
        self, cluster: Cluster, chart: Path, values: Path, namespace: str = NAMESPACE, name: str = NAME
    ) -> None:
        self.cluster, self.namespace, self.name = cluster, namespace, name
        self._chart = ("-n", namespace, name, str(chart), "-f", str(values))

    def install(self, tag: str, *arguments: str) -> None:
        """Installs the images with this tag, or upgrades to them, and waits until everything is ready."""
        images = f"image.tag={tag},emulator.image.tag={tag}"
        self.helm("upgrade", "--install", *self._chart, "--set", images, *arguments, *WAIT)

    def change(self, *arguments: str) -> None:
        """Changes some values and leaves the others as they are."""
        self.helm("upgrade", *self._chart, "--reuse-values", *arguments, *WAIT)

    def rollback(self) -> None:
        """Goes back one revision."""
        self.helm("rollback", "-n", self.namespace, self.name, *WAIT)

    def uninstall(self) -> None:
        """Removes everything except the volume."""
        self.helm("uninstall", "-n", self.namespace, self.name, "--wait", "--timeout", "4m")

    def test(self) -> str:
        """Runs `helm test` and returns its output."""
        return self.cluster.helm("test", "-n", self.namespace, self.name, "--timeout", "3m")

    def helm(self, *arguments: str) -> None:
        """Runs helm; a failure shows what the cluster says about the pods."""
        try:
            self.cluster.helm(*arguments, seconds=400)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.cluster.describe(self.namespace)}") from None

    def objects(self, kind: str, component: str | None = None) -> list[Any]:
        """The release's objects of a kind."""
        selector = f"app.kubernetes.io/instance={self.name}"
        if component is not None:
            selector += f",app.kubernetes.io/component={component}"
        items: list[Any] = self.cluster.get("-n", self.namespace, kind, "-l", selector)["items"]
        return items

    def running_pod(self, component: str) -> str:
        """The name of a component's running pod."""
        running = (pod for pod in self.objects("pods", component) if pod["status"]["phase"] == "Running")
        return str(next(running)["metadata"]["name"])

    def service(self, component: str) -> str:
        """The name of a component's Service."""
        names = sorted(one["metadata"]["name"] for one in self.objects("service", component))
        return str(names[0])

    @contextmanager
    def at(self, component: str, ready_at: str | None = None) -> Iterator[str]:
        """Forwards a component's port to this machine and yields its address."""
        target = f"service/{self.service(component)}"
        with self.cluster.forward(self.namespace, target, PORTS[component], ready_at) as address:
            yield address

    @contextmanager
    def records(self) -> Iterator[Records]:
        """The release's table."""
        with self.at("dynamodb") as address, records(address) as table:
            yield table

    def target(self) -> Target:
        """The release as a receiver of events."""
        webhook = f"{self.service('webhook')}.{self.namespace}:{PORTS['webhook']}"
        return Target(self.cluster, webhook, self.secret("webhookSecret"), self.records)

    def secret(self, name: str) -> str:
        """One of the emulator's development secrets, from the release's values."""
        values = self.cluster.helm("get", "values", "-n", self.namespace, self.name, "--all", "-o", "json")
        return str(json.loads(values)["emulator"][name])
