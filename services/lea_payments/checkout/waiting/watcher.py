"""Reads the payments that calls wait for: those of all calls together, with few calls to DynamoDB."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import Context
from typing import Protocol

from lea_payments.checkout.waiting.schedule import Schedule
from lea_payments.checkout.waiting.waiter import Waiter
from lea_payments.payment.record import Payment
from lea_payments.store.reading.batch import LIMIT
from lea_payments.telemetry.services import checkout as telemetry

IN_FLIGHT_LIMIT = 4
"""How many calls wait for DynamoDB at the same time. A slow one must not delay the others."""

LOOKS_PER_READ = 2
"""How many calls look at states before the next one reads records, while both are due: else one would delay the other
without end. Records that are read less often share more of the calls."""


class ManyReader(Protocol):
    """Reads payments from the table."""

    async def read_many(self, payment_ids: Sequence[str], *, only_state: bool) -> Mapping[str, Payment | None]:
        """The payments by their ids; None for one that does not exist. Those that could not be read are missing."""


class Watcher:
    """Reads a payment when a call starts to wait for it, then its state in each round, and all of it when it changes.

    Nothing runs while nobody waits.
    """

    def __init__(self, store: ManyReader, schedule: Schedule | None = None) -> None:
        self._store = store
        self._schedule = schedule or Schedule()
        self._waiters: dict[str, dict[Waiter, None]] = {}
        self._unread: dict[str, None] = {}
        self._reading: set[str] = set()
        self._round: list[str] = []
        self._calls: set[asyncio.Task[None]] = set()
        self._looks = 0
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
        return self._task is None and not (self._waiters or self._unread or self._reading or self._calls)

    async def _run(self) -> None:
        clock = asyncio.get_running_loop().time
        self._schedule.round_starts(clock())
        try:
            while self._waiters:
                delay = self._schedule.delay(clock(), has_work=bool(self._round or self._due_reads()))
                if len(self._calls) >= IN_FLIGHT_LIMIT:
                    await self._wait_for_news(None)
                elif delay:
                    await self._wait_for_news(delay)
                else:
                    self._start_call(clock())
        finally:
            self._task = None
            self._round = []

    async def _wait_for_news(self, seconds: float | None) -> None:
        self._news.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return

    def _due_reads(self) -> list[str]:
        """The payments whose records must be read. Two reads of one never overlap: the older could come last."""
        return [one for one in self._unread if one not in self._reading]

    def _start_call(self, now: float) -> None:
        """Starts to read the next records, or to look at the next states of this round."""
        reads = self._due_reads()
        is_look_due = bool(self._round) or self._schedule.is_round_due(now)
        only_state = is_look_due and (not reads or self._looks < LOOKS_PER_READ)
        self._looks = self._looks + 1 if only_state else 0
        ids = self._next_looks(now) if only_state else reads[:LIMIT]
        # Only the calls that wait now: for one that comes later, this read can be older than what its caller knows.
        batch = {one: [*self._waiters[one]] for one in ids if one in self._waiters}
        if batch:
            self._schedule.call_starts(now)
            if not only_state:
                self._reading.update(batch)
                self._unread = {one: None for one in self._unread if one not in batch}
            call = asyncio.create_task(self._call(batch, only_state=only_state))
            self._calls.add(call)
            call.add_done_callback(self._call_ended)

    def _next_looks(self, now: float) -> Sequence[str]:
        if not self._round:
            self._round = [one for one in self._waiters if one not in self._unread]
            self._schedule.round_starts(now)
        ids, self._round = self._round[:LIMIT], self._round[LIMIT:]
        return ids

    async def _call(self, batch: Mapping[str, Sequence[Waiter]], *, only_state: bool) -> None:
        records = await self._read([*batch], only_state=only_state)
        now = asyncio.get_running_loop().time()
        self._schedule.call_ended(now, complete=len(records) == len(batch))
        if not only_state:
            self._reading.difference_update(batch)
            self._unread |= dict.fromkeys(one for one in batch if one not in records and one in self._waiters)
        for payment_id, record in records.items():
            self._pass_on(batch[payment_id], record, now, only_state=only_state)

    def _call_ended(self, call: asyncio.Task[None]) -> None:
        self._calls.discard(call)
        self._news.set()

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
