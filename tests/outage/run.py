"""Runs `make outage`: freezes DynamoDB Local under steady events and prints what the webhook answered."""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import psutil
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[2]))

from lea_demo.dynamodb_local import DynamoDBLocal
from lea_payments.settings import TableSettings
from lea_payments.store import connection
from lea_payments.store.setup import creation
from tests.support import stripe_bodies
from tests.support.frozen_dynamodb import frozen
from tests.support.ports import free_port
from tests.support.processes import Process
from tests.support.records import Records
from tests.support.services import Services
from tests.support.steady_events import SteadyAnswer, send_steadily
from tests.support.webhook_delivery import Delivery

ROOT = Path(__file__).parents[2]
FREEZES = (0.5, 1.0, 2.0, 4.0, 60.0)
BLIP_SECONDS = 4.0
"""The longest freeze that may refuse nothing."""

REFUSED_WITHIN_SECONDS = 7.0
MEMORY_LIMIT_MIB = 384
"""The chart's limit of a webhook's memory."""

BEFORE_SECONDS = AFTER_SECONDS = 1.0


class Outage(NamedTuple):
    """One freeze and its result."""

    freeze_seconds: float
    answers: Sequence[SteadyAnswer]
    again: Sequence[SteadyAnswer]
    lost: int
    doubled: int
    memory_mib: float

    @property
    def refused(self) -> Sequence[SteadyAnswer]:
        """The answers 503."""
        return [answer for answer in self.answers if answer.status == 503]

    @property
    def passed(self) -> bool:
        """Whether the outage did no harm."""
        is_in_time = all(answer.seconds <= REFUSED_WITHIN_SECONDS for answer in self.refused)
        is_blip = self.freeze_seconds <= BLIP_SECONDS
        has_loss = self.lost or self.doubled or any(answer.status != 200 for answer in self.again)
        return is_in_time and not has_loss and not (is_blip and self.refused) and self.memory_mib < MEMORY_LIMIT_MIB


def main() -> int:
    """Runs the freezes and returns the exit status: 0 if all have passed."""
    options = _options()
    outages = []
    with (
        tempfile.TemporaryDirectory(prefix="outage-") as folder,
        DynamoDBLocal(free_port(), None, ROOT / ".data" / "dynamodb-local") as dynamodb,
    ):
        settings = TableSettings.model_validate({"DDB_ENDPOINT": dynamodb.endpoint})
        client = connection.client(settings)
        creation.ensure(client, settings)
        client.close()
        variables = {"DDB_ENDPOINT": dynamodb.endpoint, "DYNAMODB_PAYMENTS_TABLE": settings.table}
        with Services(Path(folder), free_port, variables) as services:
            for seconds in options.seconds:
                webhook = services.start("webhook", STRIPE_WEBHOOK_SECRET=stripe_bodies.SECRET)
                outages.append(asyncio.run(_outage(webhook, dynamodb, settings, seconds, options.per_second)))
                webhook.stop()
    Console().print(_table(outages))
    return 0 if all(outage.passed for outage in outages) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Freeze DynamoDB Local under steady events.")
    parser.add_argument("--seconds", type=float, nargs="+", default=FREEZES, help="of each freeze (%(default)s)")
    parser.add_argument("--per-second", type=float, default=50, help="events (%(default)s)")
    return parser.parse_args()


async def _outage(
    webhook: Process, dynamodb: DynamoDBLocal, settings: TableSettings, seconds: float, per_second: float
) -> Outage:
    records = Records(settings)
    count = int(per_second * (BEFORE_SECONDS + seconds + AFTER_SECONDS))
    payments = [records.put() for _ in range(count)]
    deliveries = [Delivery.of(stripe_bodies.completed(payment_id)) for payment_id in payments]
    sending = asyncio.create_task(send_steadily(webhook.url, deliveries, per_second))
    await asyncio.sleep(BEFORE_SECONDS)
    with frozen(dynamodb):
        memory = await _largest_memory(webhook, seconds)
    answers = await sending
    refused = [answer.delivery for answer in answers if answer.status == 503]
    again = await send_steadily(webhook.url, refused, per_second)
    histories = [records.history(payment_id) for payment_id in payments]
    records.close()
    doubled = sum(len(history) > 1 for history in histories)
    return Outage(seconds, answers, again, histories.count([]), doubled, memory)


async def _largest_memory(webhook: Process, seconds: float) -> float:
    """The webhook's largest resident memory during this time, in MiB."""
    process = psutil.Process(webhook.process.pid)
    end = asyncio.get_running_loop().time() + seconds
    largest = 0
    while (remaining := end - asyncio.get_running_loop().time()) > 0:
        largest = max(largest, process.memory_info().rss)
        await asyncio.sleep(min(0.1, remaining))
    return largest / 2**20


def _table(outages: Sequence[Outage]) -> Table:
    result = Table("frozen", "events", "refused", "slowest 503", "slowest 200", "lost", "doubled", "memory", "")
    for outage in outages:
        slowest = {
            status: max((answer.seconds for answer in outage.answers if answer.status == status), default=0)
            for status in (200, 503)
        }
        result.add_row(
            f"{outage.freeze_seconds:g} s",
            str(len(outage.answers)),
            str(len(outage.refused)),
            f"{slowest[503]:.1f} s" if outage.refused else "",
            f"{slowest[200]:.1f} s",
            str(outage.lost),
            str(outage.doubled),
            f"{outage.memory_mib:.0f} MiB",
            "✓" if outage.passed else "✗",
        )
    return result


if __name__ == "__main__":
    sys.exit(main())
