"""Reads the payments that calls wait for: those of all calls together, with few calls to DynamoDB."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import Context
from itertools import islice
from typing import Protocol

from lea_payments.checkout.waiting.schedule import Schedule
from lea_payments.checkout.waiting.waiter import Waiter
from lea_payments.payment.record import Payment
from lea_payments.store.reading.batch import LIMIT
from lea_payments.telemetry import checkout as telemetry


class ManyReader(Protocol):
    """Reads payments from the table."""

    async def read_many(self, payment_ids: Sequence[str], *, only_state: bool) -> Mapping[str, Payment | None]:
        """The payments by their ids; None for one that does not exist. Those that could not be read are missing."""


class Watcher:
    """Reads a payment when a call starts to wait for it, then its state in each round, and all of it when it changes.

    There is one call to DynamoDB at a time, and nothing runs while nobody waits.
    """

    def __init__(self, store: ManyReader, schedule: Schedule | None = None) -> None:
        self._store = store
        self._schedule = schedule or Schedule()
        self._waiters: dict[str, dict[Waiter, None]] = {}
        self._unread: dict[str, None] = {}
        self._round: list[str] = []
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def watching(self, waiter: Waiter) -> Iterator[None]:
        """Reads the waiter's payment for the time of the block."""
        self._waiters.setdefault(waiter.payment_id, {})[waiter] = None
        self.look_again(waiter.payment_id)
        if self._task is None:
            # Without the context of the call that came first: the reads belong to no single trace.
            self._task = asyncio.create_task(self._run(), context=Context())
        try:
            yield
        finally:
            others = self._waiters[waiter.payment_id]
            del others[waiter]
            if not others:
                del self._waiters[waiter.payment_id]
                self._unread.pop(waiter.payment_id, None)
                self._news.set()

    def look_again(self, payment_id: str) -> None:
        """Reads a payment as soon as possible if a call waits for it."""
        if payment_id in self._waiters:
            self._unread[payment_id] = None
            self._news.set()

    def waiters(self) -> Sequence[Waiter]:
        """All calls that wait."""
        return [waiter for waiters in self._waiters.values() for waiter in waiters]

    @property
    def is_idle(self) -> bool:
        """Whether nothing runs and nothing is kept."""
        return self._task is None and not self._waiters and not self._unread

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiters:
                delay = self._schedule.delay(loop.time(), has_work=bool(self._unread or self._round))
                if delay:
                    await self._wait_for_news(delay)
                else:
                    await self._next_call(loop.time)
        finally:
            self._task = None
            self._round = []

    async def _wait_for_news(self, seconds: float) -> None:
        self._news.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return

    async def _next_call(self, clock: Callable[[], float]) -> None:
        """Reads the next payments: first those that are not read, then those that this round has not looked at."""
        now = clock()
        only_state = not self._unread
        if only_state and not self._round:
            self._round = [*self._waiters]
            self._schedule.round_starts(now)
        ids = [*islice(self._round if only_state else self._unread, LIMIT)]
        self._take(ids, only_state=only_state)
        # Only the calls that wait now: for one that comes later, this read can be older than what its caller knows.
        batch = {one: [*self._waiters[one]] for one in ids if one in self._waiters}
        if not batch:
            return
        self._schedule.call_starts(now)
        records = await self._read([*batch], only_state=only_state)
        self._schedule.call_ended(clock(), complete=len(records) == len(batch))
        if not only_state:
            self._unread |= dict.fromkeys(one for one in batch if one not in records and one in self._waiters)
        for payment_id, record in records.items():
            self._pass_on(batch[payment_id], record, clock(), only_state=only_state)

    def _take(self, ids: Sequence[str], *, only_state: bool) -> None:
        if only_state:
            self._round = self._round[len(ids) :]
        else:
            for payment_id in ids:
                del self._unread[payment_id]

    async def _read(self, ids: Sequence[str], *, only_state: bool) -> Mapping[str, Payment | None]:
        """What could be read. Nothing that one call meets may end the watch for all others."""
        try:
            return await self._store.read_many(ids, only_state=only_state)
        except Exception as error:  # noqa: BLE001 - DynamoDB's client raises anything on a response that it does not expect
            telemetry.watch_failed(f"{type(error).__name__}: {error}")
            return {}

    def _pass_on(self, waiters: Sequence[Waiter], record: Payment | None, now: float, *, only_state: bool) -> None:
        for waiter in waiters:
            if not only_state:
                waiter.read(record, now)
            elif waiter.differs(record, now):
                self.look_again(waiter.payment_id)
