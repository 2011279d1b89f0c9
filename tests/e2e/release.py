"""The chart as installed in the cluster: its parts by their component's name, and what people do with a release."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lea_payments.payment.record import Payment
from lea_payments.settings import TableSettings
from lea_payments.store import connection, table
from lea_payments.store.items import item_of, payment_of
from tests.e2e.cluster import Cluster

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NAMESPACE, NAME = "lea", "lea"
PORTS = {"webhook": 8086, "pages": 8085, "checkout": 8084, "emulator": 8087, "dynamodb": 8000}


class Release:
    """`helm install`, `upgrade`, `rollback` and `uninstall`, and the addresses of the parts."""

    def __init__(self, cluster: Cluster, chart: Path, values: Path) -> None:
        self.cluster = cluster
        self._chart = ("-n", NAMESPACE, NAME, str(chart), "-f", str(values))

    def install(self, tag: str) -> None:
        """Installs, or upgrades to, the images with this tag, and waits until everything is ready."""
        images = f"image.tag={tag},emulator.image.tag={tag}"
        self.cluster.helm(
            *("upgrade", "--install", *self._chart, "--set", images, "--wait", "--wait-for-jobs", "--timeout", "5m"),
            seconds=400,
        )

    def install_with_autoscaling(self) -> None:
        """The release as it is, with the number of webhook's pods following their CPU."""
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
        """Removes everything but the volume."""
        self.cluster.helm("uninstall", "-n", NAMESPACE, NAME, "--wait", "--timeout", "5m", seconds=400)

    def objects(self, kind: str, component: str | None = None) -> list[Any]:
        """The release's objects of a kind."""
        selector = f"app.kubernetes.io/instance={NAME}"
        if component is not None:
            selector += f",app.kubernetes.io/component={component}"
        found: list[Any] = self.cluster.get("-n", NAMESPACE, kind, "-l", selector)["items"]
        return found

    def service(self, component: str) -> str:
        """The name of a part's Service."""
        names = sorted(found["metadata"]["name"] for found in self.objects("service", component))
        return str(names[0])

    @contextmanager
    def at(self, component: str, ready_at: str | None = None) -> Iterator[str]:
        """A part's address on this machine."""
        target = f"service/{self.service(component)}"
        with self.cluster.forward(NAMESPACE, target, PORTS[component], ready_at) as address:
            yield address

    def secret(self, name: str) -> str:
        """One of the made-up secrets of the emulator's values."""
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
    """Payments as their owner puts and reads them."""

    def __init__(self, client: "DynamoDBClient", name: str) -> None:
        self._client = client
        self._table = name

    def put(self, payment_id: str) -> None:
        """A pending payment of 49.99 SGD."""
        record = Payment(
            payment_intent_id=payment_id, user_id="user_1", quote_id="quote_1", amount=4999, currency="sgd"
        )
        self._client.put_item(TableName=self._table, Item=item_of(record))

    def get(self, payment_id: str) -> Payment:
        """How it stands."""
        key = {table.KEY: {"S": payment_id}}
        return payment_of(self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)["Item"])
