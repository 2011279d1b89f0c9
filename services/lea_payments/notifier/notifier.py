"""Delivers the notifications that are due: leases each payment, sends it to its endpoints, and stores the result."""

import asyncio
import math
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from lea_payments.notifications.delivery import PAUSES, Delivery
from lea_payments.notifications.endpoints import Endpoint, Secrets, subscribers
from lea_payments.notifier.message import Message, message_of
from lea_payments.notifier.sender import CONNECTIONS, Sender
from lea_payments.store.errors import UnavailableError
from lea_payments.store.notifications.items import Deliveries
from lea_payments.store.notifications.outbox import Leased, Outbox
from lea_payments.store.statements.outbox import SHARDS
from lea_payments.telemetry.services import notifier as telemetry

POLL_SECONDS = 0.5
"""The pause between two queries that find nothing new: half of it is added to each notification on average."""

RETRY_SECONDS = 1.0
"""The pause after a call to the table that failed."""

QUERY_LIMIT = 100
"""The number of due payments that a query of one partition returns."""


class Notifier:
    """One of any number of notifiers on a table."""

    def __init__(
        self,
        outbox: Outbox,
        sender: Sender,
        endpoints: Sequence[Endpoint],
        secrets: Callable[[], Secrets],
        pauses: Sequence[float] = PAUSES,
    ) -> None:
        self._outbox, self._sender = outbox, sender
        self._endpoints, self._secrets, self._pauses = endpoints, secrets, pauses
        self._slots = {endpoint.name: asyncio.Semaphore(CONNECTIONS) for endpoint in endpoints}
        # With one endpoint no payment finds it busy; with several, one slow endpoint does not occupy all tasks.
        self._limit = asyncio.Semaphore(CONNECTIONS * len(endpoints))
        self._in_flight: dict[str, asyncio.Task[None]] = {}
        self._is_stopping = False

    async def work(self) -> None:
        """Delivers until it is cancelled; then finishes what is in flight, which ends its leases."""
        try:
            while True:
                await self._round()
        finally:
            self._is_stopping = True
            while self._in_flight:
                await asyncio.wait(self._in_flight.values())

    async def _round(self) -> None:
        """Starts one task for each payment that is due, and waits while all tasks are busy."""
        try:
            found = await asyncio.gather(*(self._outbox.due(shard, QUERY_LIMIT) for shard in SHARDS))
        except UnavailableError as error:
            telemetry.outbox_unavailable(str(error))
            await asyncio.sleep(RETRY_SECONDS)
            return
        due = [entry for entries in found for entry in entries if entry.payment_id not in self._in_flight]
        telemetry.outbox_read(len(due), self._outbox.now() - min((one.due_at for one in due), default=math.inf))
        # Another notifier reads the same entries at the same time: not in the same order.
        random.shuffle(due)
        for entry in due:
            await self._limit.acquire()
            self._start(entry.payment_id)
        await asyncio.sleep(POLL_SECONDS if len(due) < QUERY_LIMIT else 0)

    def _start(self, payment_id: str) -> None:
        task = asyncio.create_task(self._process(payment_id))
        self._in_flight[payment_id] = task
        task.add_done_callback(lambda _: self._end(payment_id))

    def _end(self, payment_id: str) -> None:
        del self._in_flight[payment_id]
        self._limit.release()

    async def _process(self, payment_id: str) -> None:
        try:
            leased = await self._outbox.take(payment_id)
            if leased is not None:
                await self._deliver(leased)
        except UnavailableError as error:
            telemetry.outbox_unavailable(str(error))
        except Exception:  # noqa: BLE001 - one payment that cannot be sent must not block the others
            telemetry.notifier_failed(payment_id)

    async def _deliver(self, leased: Leased) -> None:
        """Sends a payment to the endpoints that are due, at the same time, and stores each result."""
        message, now = message_of(leased.payment), self._outbox.now()
        known = {one.name: leased.deliveries.get(one.name, Delivery()) for one in self._endpoints}
        wanted = [
            one for one in subscribers(self._endpoints, message.type) if known[one.name].is_outstanding(leased.target)
        ]
        due = [one for one in wanted if known[one.name].due_at(leased.target) <= now]
        results = await asyncio.gather(*(self._attempt(one, leased, message, known[one.name]) for one in due))
        known.update(zip((one.name for one in due), results, strict=True))
        left = [known[one.name] for one in wanted if known[one.name].is_outstanding(leased.target)]
        next_at = min((one.due_at(leased.target) for one in left), default=None)
        stored = {name: one for name, one in known.items() if one != Delivery()}
        await self._finish(leased, stored, next_at)

    async def _attempt(self, endpoint: Endpoint, leased: Leased, message: Message, before: Delivery) -> Delivery:
        """The state of the delivery after one attempt, or after none if the endpoint is busy with other payments."""
        slots = self._slots[endpoint.name]
        if slots.locked():
            return before.postponed(leased.target, self._outbox.now())
        async with slots:
            with telemetry.delivery_span(endpoint.name, leased.payment) as operation:
                now = self._outbox.now()
                headers = message.headers(self._secrets()[endpoint.name], datetime.fromtimestamp(now / 1000, UTC))
                attempt = await self._sender.send(endpoint.url, message.body, headers, now / 1000)
                now = self._outbox.now()
                after = before.after(attempt, leased.version, leased.target, now, self._pauses)
                since = after.first_failure or before.first_failure or leased.due_at
                telemetry.notification_attempted(operation, endpoint.name, leased.payment, attempt, after, now - since)
        return after

    async def _finish(self, leased: Leased, deliveries: Deliveries, next_at: int | None) -> None:
        """Stores the deliveries. Tries for as long as the table does not respond: otherwise they are sent again."""
        dead = any(delivery.is_dead_lettered for delivery in deliveries.values())
        while True:
            try:
                is_stored = await self._outbox.finish(leased, deliveries, next_at, dead=dead)
            except UnavailableError as error:
                telemetry.outbox_unavailable(str(error))
                if self._is_stopping and self._outbox.now() > float(leased.until):
                    return
                await asyncio.sleep(RETRY_SECONDS)
                continue
            if not is_stored:
                telemetry.lease_lost(leased.payment)
            return
