"""Installs, upgrades and reads a release of the chart in the cluster."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lea_payments.payment.record import Payment
from lea_payments.settings import TableSettings
from lea_payments.store import connection, table
from lea_payments.store.items import attributes_of, payment_of
from tests.e2e.cluster import Cluster

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NAMESPACE, NAME = "lea", "lea"
OUTSIDE, MONITORING = "outside", "monitoring"
PORTS = {"webhook": 8086, "pages": 8085, "checkout": 8084, "emulator": 8087, "dynamodb": 8000}


class Release:
    """A release of the chart, its objects and the addresses of its services."""

    def __init__(self, cluster: Cluster, chart: Path, values: Path) -> None:
        self.cluster = cluster
        self._chart = ("-n", NAMESPACE, NAME, str(chart), "-f", str(values))

    def install(self, tag: str) -> None:
        """Installs the images with this tag, or upgrades to them, and waits until everything is ready."""
        images = f"image.tag={tag},emulator.image.tag={tag}"
        self.cluster.helm(
            *("upgrade", "--install", *self._chart, "--set", images, "--wait", "--wait-for-jobs", "--timeout", "5m"),
            seconds=400,
        )

    def install_with_autoscaling(self) -> None:
        """Enables autoscaling of webhook and leaves all other values as they are."""
        self.cluster.helm(
            *("upgrade", *self._chart, "--reuse-values", "--set", "webhook.autoscaling.enabled=true"),
            *("--wait", "--timeout", "5m"),
            seconds=400,
        )

    def rollback(self) -> None:
        """Goes back one revision."""
        self.cluster.helm(
            "rollback", "-n", NAMESPACE, NAME, "--wait", "--wait-for-jobs", "--timeout", "5m", seconds=400
        )

    def uninstall(self) -> None:
        """Removes everything except the volume."""
        self.cluster.helm("uninstall", "-n", NAMESPACE, NAME, "--wait", "--timeout", "5m", seconds=400)

    def objects(self, kind: str, component: str | None = None) -> list[Any]:
        """The release's objects of a kind."""
        selector = f"app.kubernetes.io/instance={NAME}"
        if component is not None:
            selector += f",app.kubernetes.io/component={component}"
        items: list[Any] = self.cluster.get("-n", NAMESPACE, kind, "-l", selector)["items"]
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
        with self.cluster.forward(NAMESPACE, target, PORTS[component], ready_at) as address:
            yield address

    def secret(self, name: str) -> str:
        """One of the emulator's development secrets, from the release's values."""
        values = self.cluster.helm("get", "values", "-n", NAMESPACE, NAME, "--all", "-o", "json")
        return str(json.loads(values)["emulator"][name])


@contextmanager
def records(address: str) -> Iterator["Records"]:
    """The table through the forwarded port of DynamoDB Local."""
    settings = TableSettings.model_validate({"DDB_ENDPOINT": address})
    client = connection.client(settings)
    try:
        yield Records(client, settings.table)
    finally:
        client.close()


class Records:
    """Creates and reads records as the caller's own code does."""

    def __init__(self, client: "DynamoDBClient", name: str) -> None:
        self._client = client
        self._table = name

    def put(self, payment_id: str) -> None:
        """Creates a pending payment of 49.99 SGD."""
        record = Payment(
            payment_intent_id=payment_id, user_id="user_1", quote_id="quote_1", amount=4999, currency="sgd"
        )
        self._client.put_item(TableName=self._table, Item=attributes_of(record))

    def get(self, payment_id: str) -> Payment:
        """The current payment."""
        key = {table.KEY: {"S": payment_id}}
        return payment_of(self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)["Item"])
