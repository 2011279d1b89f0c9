"""Starts services of version 0.1.0 and of this version on one table."""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from lea_payments.settings import TableSettings
from lea_payments.store import connection
from tests.support import plain_http
from tests.support.checkout_api import STRIPE_KEY, TOKEN, WEBHOOK_SECRET
from tests.support.ports import free_port
from tests.support.processes import Process, start_process
from tests.support.webhook_delivery import ROUTE, Delivery

ROOT = Path(__file__).parents[2]
OLD, NEW = "0.1.0", "this version"
"""The names of the two versions."""

DELIVERIES = 100
RETRY_SECONDS = 0.2
"""How often and after which pause an event is delivered while a webhook answers 503, as on a busy machine."""

UNREACHABLE = "http://127.0.0.1:9"
"""An address without a listener."""

Item = Mapping[str, Any]


class UpgradeError(Exception):
    """Raised when a version does not work. The message says what to do."""


class Version:
    """The programs of one version, in the environment that `make setup` creates in its folder."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.program = folder / ".venv" / "bin" / "lea-payments"
        self.python = folder / ".venv" / "bin" / "python"
        if not self.program.exists():
            raise UpgradeError(f"{folder} has no .venv/bin/lea-payments: run `make setup` there")


class Versions:
    """Starts services of both versions and calls them; stops all at the end of the block."""

    def __init__(self, old: Path, settings: TableSettings, folder: Path) -> None:
        self.versions = {OLD: Version(OLD, old), NEW: Version(NEW, ROOT)}
        self.settings = settings
        self.dynamodb = connection.client(settings)
        self._folder = folder
        self._started: list[Process] = []
        self._clients: list[httpx.Client] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self._clients:
            client.close()
        for service in reversed(self._started):
            service.stop()
        self.dynamodb.close()

    def environment(self, **variables: str) -> dict[str, str]:
        """The environment of every program of either version."""
        return {
            **{name: os.environ[name] for name in ("PATH", "HOME", "TZ") if name in os.environ},
            "HOST": "127.0.0.1",
            "METRICS_PORT": "0",
            "PYTHONUNBUFFERED": "1",
            "DDB_ENDPOINT": self.settings.ddb_endpoint,
            "DYNAMODB_PAYMENTS_TABLE": self.settings.table,
            "STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET,
            "STRIPE_SECRET_KEY": STRIPE_KEY,
            "PAYMENTS_API_TOKEN": TOKEN,
            **variables,
        }

    def emulator(self) -> str:
        """Starts an emulator of this version and returns its URL."""
        command = [str(self.versions[NEW].python), "-m", "stripe_emulator"]
        return self._start("stripe-emulator", command, "/health").url

    def client(self, version: str, service: str, **variables: str) -> httpx.Client:
        """Starts a service of this version and returns a client of it."""
        command = [str(self.versions[version].program), service]
        url = self._start(f"{service}-{version.replace(' ', '-')}", command, "/readyz", **variables).url
        headers = {"Authorization": f"Bearer {TOKEN}"} if service == "checkout" else {}
        client = plain_http.client(url, headers=headers)
        self._clients.append(client)
        return client

    def item(self, payment_id: str) -> Item:
        """The payment's item as it is now."""
        answer = self.dynamodb.get_item(
            TableName=self.settings.table, Key={"payment_intent_id": {"S": payment_id}}, ConsistentRead=True
        )
        return answer["Item"]

    def put(self, item: Item) -> None:
        """Writes an item as it is."""
        self.dynamodb.put_item(TableName=self.settings.table, Item=dict(item))

    def _start(self, name: str, command: list[str], ready_at: str, **variables: str) -> Process:
        port = free_port()
        started = start_process(
            command,
            url=f"http://127.0.0.1:{port}",
            ready_at=ready_at,
            log=self._folder / f"{name}-{port}.log",
            folder=self._folder,
            env=self.environment(PORT=str(port), **variables),
        )
        self._started.append(started)
        return started


def deliver(webhook: httpx.Client, body: bytes) -> str:
    """Delivers an event, again after a 503 as Stripe does, and returns its outcome. Raises UpgradeError otherwise."""
    delivery = Delivery.of(body, WEBHOOK_SECRET)
    for _ in range(DELIVERIES):
        answer = webhook.post(ROUTE, content=body, headers={"Stripe-Signature": delivery.signature})
        if answer.status_code == httpx.codes.OK:
            return str(answer.json()["outcome"])
        if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
            break
        time.sleep(RETRY_SECONDS)
    raise UpgradeError(f"a delivery was answered {answer.status_code}: {answer.text}")
