"""Runs `make chaos ARGS=--notifications`: injects faults between a change and its receiver, and counts what is lost."""

import argparse
import asyncio
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random, randbytes
from typing import TYPE_CHECKING, Any

import boto3
import httpx
from rich.console import Console

from lea_demo.dynamodb_local import DynamoDBLocal
from lea_payments.settings import TableSettings
from lea_payments.store.statements.outbox import SHARDS
from tests.chaos.notifications.judge import judge, repeated
from tests.support import stripe_bodies, tables
from tests.support.frozen_dynamodb import frozen
from tests.support.ports import free_port
from tests.support.services import Services

if TYPE_CHECKING:
    from tests.support.processes import Process

LONG, SHORT = 10_000, 1_200
STEPS = 4
"""The status changes of one payment: two declines with different codes, the money, and a refund."""

SENDERS = 24
FAULT_SECONDS = 4.0
SETTLE_SECONDS = 600
console = Console(highlight=False, width=None if sys.stdout.isatty() else 140)


def _secret() -> str:
    return f"whsec_{b64encode(randbytes(32)).decode()}"


class System:
    """The processes of the run: DynamoDB Local, the webhook, two notifiers and the receiver."""

    def __init__(self, folder: Path, services: Services, dynamodb: DynamoDBLocal) -> None:
        self.folder, self._services, self.dynamodb = folder, services, dynamodb
        self.settings = TableSettings.model_validate(
            {"DDB_ENDPOINT": dynamodb.endpoint, "DYNAMODB_PAYMENTS_TABLE": "chaos-notifications"}
        )
        self._webhook_port, self._receiver_port = free_port(), free_port()
        self._receiver: subprocess.Popen[bytes] | None = None
        self._processes: dict[str, Process] = {}
        self.counts: dict[str, int] = {}
        self.secret = _secret()
        self.answer("ok")
        self.accept(self.secret)
        self.sign_with(self.secret)

    @property
    def webhook_url(self) -> str:
        """The webhook's address, always the same."""
        return f"http://127.0.0.1:{self._webhook_port}/webhook/stripe"

    def answer(self, mode: str) -> None:
        """Lets the receiver answer in this way."""
        _replace(self.folder / "mode", mode)

    def accept(self, *secrets: str) -> None:
        """Lets the receiver accept signatures of these secrets only."""
        _replace(self.folder / "accepted", "\n".join(secrets))

    def sign_with(self, *secrets: str) -> None:
        """Lets the notifiers sign with these secrets."""
        _replace(self.folder / "secrets", "\n".join(secrets))

    def start_webhook(self) -> None:
        """Starts the webhook."""
        env = {"STRIPE_WEBHOOK_SECRET": stripe_bodies.SECRET, "NOTIFICATIONS": "true", "PORT": str(self._webhook_port)}
        self._processes["webhook"] = self._services.start("webhook", ready_at="/livez", **env)

    def start_notifier(self, name: str) -> None:
        """Starts a notifier."""
        self._processes[name] = self._services.start(
            "notifier",
            ready_at="/livez",
            NOTIFY_URL=f"http://127.0.0.1:{self._receiver_port}/",
            NOTIFY_ALLOW_HTTP="true",
            NOTIFY_SECRET_FILE=str(self.folder / "secrets"),
            NOTIFY_RETRY_SECONDS="1,2,3",
        )

    def start_receiver(self) -> None:
        """Starts the receiver."""
        arguments = [self._receiver_port, self.folder, self.dynamodb.endpoint, self.settings.table]
        command = [sys.executable, "-m", "tests.chaos.notifications.receiver", *map(str, arguments)]
        self._receiver = subprocess.Popen(command, cwd=Path(__file__).parents[3])

    def kill(self, name: str) -> None:
        """Kills a process with SIGKILL and starts it again."""
        process = self._processes[name].process
        process.kill()
        process.wait()
        if name == "webhook":
            self.start_webhook()
        else:
            self.start_notifier(name)

    def stop_receiver(self) -> None:
        """Kills the receiver with SIGKILL."""
        assert self._receiver is not None
        self._receiver.send_signal(signal.SIGKILL)
        self._receiver.wait()

    def kill_receiver(self) -> None:
        """Kills the receiver and starts it again later."""
        self.stop_receiver()
        time.sleep(1)
        self.start_receiver()

    def kill_dynamodb(self) -> None:
        """Kills DynamoDB Local and starts it again; what it has acknowledged is on its disk."""
        assert self.dynamodb._server is not None
        self.dynamodb._server.process.kill()
        self.dynamodb.stop()
        self.dynamodb.start()

    def freeze_dynamodb(self) -> None:
        """Freezes DynamoDB Local."""
        with frozen(self.dynamodb):
            time.sleep(FAULT_SECONDS)

    def answer_for_a_while(self, mode: str) -> None:
        """Lets the receiver answer badly for a while."""
        self.answer(mode)
        time.sleep(FAULT_SECONDS)
        self.answer("ok")

    def rotate(self) -> None:
        """Rotates the secret: first both sign, then the receiver changes, then the old one is removed."""
        new = _secret()
        self.sign_with(new, self.secret)
        time.sleep(FAULT_SECONDS)  # the notifiers read their files each second
        self.accept(new)
        time.sleep(FAULT_SECONDS)
        self.sign_with(new)
        self.secret = new

    def lines(self) -> Sequence[Mapping[str, Any]]:
        """What the receiver has written."""
        file = self.folder / "received.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def faults(self) -> Mapping[str, Callable[[], object]]:
        """Each fault by its name."""
        return {
            "webhook killed": lambda: self.kill("webhook"),
            "first notifier killed": lambda: self.kill("notifier 1"),
            "second notifier killed": lambda: self.kill("notifier 2"),
            "receiver killed": self.kill_receiver,
            "DynamoDB killed": self.kill_dynamodb,
            "DynamoDB frozen": self.freeze_dynamodb,
            "receiver answers 500": lambda: self.answer_for_a_while("failing"),
            "receiver slow": lambda: self.answer_for_a_while("slow"),
            "receiver answers 410": lambda: self.answer_for_a_while("gone"),
            "connections reset": lambda: self.answer_for_a_while("reset"),
            "secret rotated": self.rotate,
        }


def _replace(file: Path, text: str) -> None:
    new = file.with_suffix(".new")
    new.write_text(text)
    new.replace(file)


def _changes(payment_id: str) -> Sequence[bytes]:
    intent = f"pi_{payment_id}"
    own = {"payment_intent": intent, "id": f"cs_{payment_id}"}
    return [
        stripe_bodies.declined(payment_id, "insufficient_funds", intent),
        stripe_bodies.declined(payment_id, "lost_card", intent),
        stripe_bodies.completed(payment_id, **own),
        stripe_bodies.refunded(payment_id, 700, intent),
    ]


async def _send(http: httpx.AsyncClient, url: str, body: bytes) -> None:
    """Sends an event until it is answered 200, as Stripe does."""
    while True:
        try:
            answer = await http.post(url, content=body, headers={"stripe-signature": stripe_bodies.sign(body)})
            if answer.status_code == 200:
                return
        except httpx.HTTPError:
            pass
        await asyncio.sleep(0.2)


async def _change_all(system: System, payment_ids: Sequence[str], order: Random, pause: float) -> None:
    """Sends the changes of all payments, each payment's in order, those of all payments mixed."""
    waiting = list(payment_ids)
    order.shuffle(waiting)

    async def sender(http: httpx.AsyncClient) -> None:
        while waiting:
            for body in _changes(waiting.pop()):
                await _send(http, system.webhook_url, body)
                await asyncio.sleep(order.uniform(0, 2 * pause))

    async with httpx.AsyncClient(timeout=12, trust_env=False) as http:
        await asyncio.gather(*(sender(http) for _ in range(SENDERS)))


def _left(client: Any, table: str) -> int:
    """The number of payments with a notification to send, also those that a notifier holds."""
    return sum(
        client.query(
            TableName=table,
            IndexName="notify-index",
            KeyConditionExpression="notify_shard = :shard",
            ExpressionAttributeValues={":shard": {"S": shard}},
            Select="COUNT",
        )["Count"]
        for shard in SHARDS
    )


async def _settle(system: System) -> float:
    client = tables.client(system.settings)
    started = time.monotonic()
    while left := await asyncio.to_thread(_left, client, system.settings.table):
        if time.monotonic() - started > SETTLE_SECONDS:
            raise TimeoutError(f"{left} notifications are still due after {SETTLE_SECONDS} s")
        await asyncio.sleep(0.5)
    return time.monotonic() - started


def _put(system: System, payment_ids: Sequence[str]) -> Any:
    dynamodb = boto3.resource(
        "dynamodb",
        endpoint_url=system.dynamodb.endpoint,
        region_name=system.settings.aws_region,
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )
    table = dynamodb.Table(system.settings.table)
    with table.batch_writer() as batch:
        for payment_id in payment_ids:
            record = {"payment_intent_id": payment_id, "payment_status": "pending", "amount": 4999, "currency": "sgd"}
            batch.put_item(Item=record | {"stripe_session_id": f"cs_{payment_id}"})
    return table


async def _run(system: System, changes: int, seed: int) -> bool:
    client = tables.client(system.settings)
    tables.create(client, system.settings)
    quiet, disturbed = (
        [f"{name}{number}" for number in range(count)]
        for name, count in (("quiet", changes // 4 // STEPS), ("disturbed", changes * 3 // 4 // STEPS))
    )
    table = await asyncio.to_thread(_put, system, [*quiet, *disturbed])
    system.start_receiver()
    system.start_webhook()
    for name in ("notifier 1", "notifier 2"):
        system.start_notifier(name)
    order = Random(seed)
    started = time.monotonic()
    await _change_all(system, quiet, order, 0.05)
    seconds = await _settle(system)
    sent_twice = repeated(system.lines())
    console.print(
        f"without faults: {len(quiet) * STEPS:,} changes in {time.monotonic() - started:.0f} s, the last notification "
        f"{seconds:.1f} s after the last change; {len(system.lines()):,} sent by two notifiers, {sent_twice} twice"
    )
    faults = system.faults()
    work = asyncio.ensure_future(_change_all(system, disturbed, order, 0.3))
    while not work.done() or len(system.counts) < len(faults):
        for name in order.sample(list(faults), len(faults)):
            await asyncio.to_thread(faults[name])
            system.counts[name] = system.counts.get(name, 0) + 1
            await asyncio.sleep(1)
            if work.done() and len(system.counts) == len(faults):
                break
    await work
    seconds = await _settle(system)
    lines = system.lines()
    records = {record["payment_intent_id"]: record for record in _scan(table)}
    verdict = judge(lines, records)
    modes = {mode: sum(line["mode"] == mode for line in lines) for mode in ("ok", "slow", "failing", "gone", "reset")}
    console.print(
        f"with faults: {len(disturbed) * STEPS:,} changes in {time.monotonic() - started:.0f} s; "
        + ", ".join(f"{name} {count}x" for name, count in system.counts.items())
    )
    console.print(f"requests by the receiver's mode: {modes}; settled {seconds:.0f} s after the last fault")
    console.print(
        f"payments {len(records):,}, lost {len(verdict.lost)}, before their write {len(verdict.too_early)} (the table "
        f"did not respond to {verdict.unchecked} checks), older after newer {len(verdict.overtaken)}, without a valid "
        f"signature {len(verdict.unverified)}, accepted again after a fault {verdict.repeated - sent_twice}"
    )
    problems = [*verdict.problems, *([f"{sent_twice} were sent twice without a fault"] if sent_twice else [])]
    for problem in problems:
        console.print(f"✗ {problem}", style="red", markup=False, soft_wrap=True)
    return not problems


def _scan(table: Any) -> Sequence[Mapping[str, Any]]:
    pages = table.meta.client.get_paginator("scan").paginate(TableName=table.name, ConsistentRead=True)
    return [item for page in pages for item in page["Items"]]


def main(arguments: Sequence[str]) -> int:
    """Returns the exit status: 0 if nothing is lost, too early, out of order or without a signature."""
    parser = argparse.ArgumentParser(description="Inject faults between the changes of payments and their receiver.")
    parser.add_argument("--changes", type=int, default=LONG, help="of all payments together (%(default)s)")
    parser.add_argument("--short", dest="changes", action="store_const", const=SHORT, help=f"--changes {SHORT}")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    folder = Path(tempfile.mkdtemp(prefix="chaos-notifications-"))
    dynamodb = DynamoDBLocal(free_port(), folder / "data")
    defaults = {"DDB_ENDPOINT": dynamodb.endpoint, "DYNAMODB_PAYMENTS_TABLE": "chaos-notifications"}
    with dynamodb, Services(folder, free_port, defaults) as services:
        system = System(folder, services, dynamodb)
        try:
            passed = asyncio.run(_run(system, options.changes, options.seed))
        finally:
            system.stop_receiver()
    if passed:
        shutil.rmtree(folder)
    else:
        console.print(f"the logs are in {folder}", style="red")
    return 0 if passed else 1
