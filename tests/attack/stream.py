"""Sends good events at a constant rate to the attacked webhook and to one that nobody attacks, in its own process."""

import asyncio
import itertools
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import httpx
from botocore.exceptions import BotoCoreError, ClientError

sys.path.insert(0, str(Path(__file__).parents[2]))

from lea_payments.settings import TableSettings, read
from lea_payments.store import connection
from lea_payments.store.items import attributes_of
from tests.attack.markers import PERSON
from tests.support.plain_http import NO_CERTIFICATES
from tests.support.scenarios import record
from tests.support.stripe_bodies import completed
from tests.support.webhook_delivery import ROUTE, Delivery

EVENTS_PER_SECOND = 20
ANSWER_SECONDS = 30
"""After this time an event counts as not answered; Stripe itself waits 10 s."""

BATCH = 25
"""Payments that are created together; DynamoDB takes no more in one call."""

PREPARED_EVENTS = 400
"""Payments that exist before their events are sent, so that a frozen DynamoDB does not stop the stream."""


class GoodAnswer(NamedTuple):
    """The answer to one good event. A status of 0 means that none arrived; `is_control` that nobody attacks it."""

    is_control: bool
    status: int
    seconds: float


class GoodEvents:
    """The stream, inside a `with` block. It sends to `control` always, and to the target that `send_to` names."""

    def __init__(self, control: str, secret: str, table: TableSettings, folder: Path) -> None:
        self._command = [sys.executable, __file__, control]
        self._folder = folder
        self._environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "DDB_ENDPOINT": table.ddb_endpoint,
            "DYNAMODB_PAYMENTS_TABLE": table.table,
            "ATTACK_SECRET": secret,
        }
        self._answers: list[GoodAnswer] = []
        self._mark = threading.Semaphore(0)

    def __enter__(self) -> Self:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            self._command, cwd=self._folder, env=self._environment, stdin=pipe, stdout=pipe, text=True
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self.take()  # the first payments exist
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        self._reader.join()

    def send_to(self, url: str) -> None:
        """Sends to another webhook from now on; to none if the URL is empty."""
        self._write(f"to {url}")

    def settle(self) -> None:
        """Waits for the answers that are on their way."""
        self._write("mark")
        if not self._mark.acquire(timeout=4 * ANSWER_SECONDS) or self._process.poll() is not None:
            raise RuntimeError("the stream of good events has ended: see its message above")

    def take(self) -> Sequence[GoodAnswer]:
        """The answers to all events since the last call."""
        self.settle()
        answers, self._answers = self._answers, []
        return answers

    def _write(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line == "mark\n":
                self._mark.release()
            else:
                self._answers.append(GoodAnswer(*json.loads(line)))
        self._mark.release()


class _Stream:
    """The child's side: every event has a payment of its own, and every delivery its own connection."""

    def __init__(self, control: str, secret: str, table: TableSettings) -> None:
        self._control, self._target = control, ""
        self._secret = secret
        self._table = table
        self._dynamodb = connection.client(table)
        self._payments: asyncio.Queue[str] = asyncio.Queue()
        self._numbers = itertools.count(1)
        self._deliveries: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Sends until standard input ends."""
        while self._payments.qsize() < PREPARED_EVENTS:
            await self._prepare()
        preparing = asyncio.create_task(self._keep_prepared())
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        async with httpx.AsyncClient(
            limits=limits, timeout=ANSWER_SECONDS, trust_env=False, verify=NO_CERTIFICATES
        ) as self._client:
            sending = asyncio.create_task(self._send_all())
            while line := await asyncio.to_thread(sys.stdin.readline):
                await self._obey(line.strip())
            sending.cancel()
            preparing.cancel()
            await asyncio.gather(sending, preparing, *self._deliveries, return_exceptions=True)

    async def _obey(self, line: str) -> None:
        if line.startswith("to"):
            self._target = line.partition(" ")[2]
        else:
            await asyncio.gather(*self._deliveries)
            print("mark", flush=True)

    async def _prepare(self) -> None:
        names = [f"payment_attack_{next(self._numbers)}" for _ in range(BATCH)]
        items: list[Mapping[str, object]] = [{"PutRequest": {"Item": attributes_of(record(name))}} for name in names]
        request: object = {self._table.table: items}
        await asyncio.to_thread(self._dynamodb.batch_write_item, RequestItems=request)  # type: ignore[arg-type]  # built above
        for name in names:
            self._payments.put_nowait(name)

    async def _keep_prepared(self) -> None:
        while True:
            if self._payments.qsize() < PREPARED_EVENTS:
                with suppress(BotoCoreError, ClientError):  # DynamoDB may be frozen
                    await self._prepare()
            await asyncio.sleep(BATCH / EVENTS_PER_SECOND / 4)

    async def _send_all(self) -> None:
        due = time.monotonic()
        while True:
            for url in filter(None, (self._target, self._control)):
                delivery = asyncio.create_task(self._send(url, await self._payments.get()))
                self._deliveries.add(delivery)
                delivery.add_done_callback(self._deliveries.discard)
            due += 1 / EVENTS_PER_SECOND
            await asyncio.sleep(due - time.monotonic())

    async def _send(self, url: str, payment_id: str) -> None:
        delivery = Delivery.of(completed(payment_id, customer_details=PERSON), self._secret)
        headers = {"Stripe-Signature": delivery.signature}
        started = time.monotonic()
        status = 0
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                status = (await self._client.post(f"{url}{ROUTE}", content=delivery.body, headers=headers)).status_code
        except (httpx.HTTPError, TimeoutError) as error:
            print(f"a good event has no answer: {type(error).__name__} {error}", file=sys.stderr)
        print(json.dumps([url == self._control, status, time.monotonic() - started]), flush=True)


if __name__ == "__main__":
    asyncio.run(_Stream(sys.argv[1], os.environ["ATTACK_SECRET"], read(TableSettings)).run())
