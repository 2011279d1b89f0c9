"""The writer: many writes wait together and travel in one round trip; knows nothing of payments.

While a batch is on its way, new writes gather; the next batch takes up to 25 of them (the most that DynamoDB's
BatchExecuteStatement takes). A lone write leaves at once. Two writes with one key never share a batch: DynamoDB
refuses such a batch as a whole.
"""

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

BATCH_LIMIT = 25
IN_FLIGHT_LIMIT = 4
TICK_SECONDS = 0.1
HURRY_SECONDS = 0.05
"""How long writes wait behind a batch that is on its way before another batch leaves beside it."""


class Keyed(Protocol):
    """A write that says which item it is for."""

    @property
    def key(self) -> str:
        """The item's key."""


WriteT = TypeVar("WriteT", bound=Keyed)
ResultT = TypeVar("ResultT")


class _Waiting(NamedTuple, Generic[WriteT, ResultT]):
    write: WriteT
    result: asyncio.Future[ResultT]


class GroupCommit(Generic[WriteT, ResultT]):
    """Sends writes in batches through `send`, which answers with one result for each write, in order."""

    def __init__(self, send: Callable[[Sequence[WriteT]], Awaitable[Sequence[ResultT]]]) -> None:
        self._send = send
        self._waiting: deque[_Waiting[WriteT, ResultT]] = deque()
        self._keys_in_flight: set[str] = set()
        self._batches: set[asyncio.Task[None]] = set()
        self._hurry: asyncio.TimerHandle | None = None
        self._overdue_at: dict[asyncio.Future[ResultT], float] = {}
        self._clock: asyncio.TimerHandle | None = None

    async def submit(self, write: WriteT, until: float = math.inf) -> ResultT:
        """The result of the write; raises what `send` raised for the batch that carried it.

        Raises TimeoutError a moment after `until`, in the seconds of the loop's clock. A caller that stops waiting
        takes its write back if it has not left yet; one that has left may still arrive.
        """
        loop = asyncio.get_running_loop()
        waiting: _Waiting[WriteT, ResultT] = _Waiting(write, loop.create_future())
        self._waiting.append(waiting)
        self._overdue_at[waiting.result] = until
        if self._clock is None:
            self._clock = loop.call_later(TICK_SECONDS, self._tick)
        if not self._batches or len(self._waiting) >= BATCH_LIMIT:
            self._start_batch()
        elif self._hurry is None:
            self._hurry = loop.call_later(HURRY_SECONDS, self._pass_the_slow_one)
        try:
            return await waiting.result
        finally:
            del self._overdue_at[waiting.result]

    def _tick(self) -> None:
        """One clock for all that wait, where a timer each would cost more than the write."""
        loop = asyncio.get_running_loop()
        for result, until in self._overdue_at.items():
            if until < loop.time() and not result.done():
                result.set_exception(TimeoutError())
        self._clock = loop.call_later(TICK_SECONDS, self._tick) if self._overdue_at else None

    def _start_batch(self) -> None:
        if len(self._batches) < IN_FLIGHT_LIMIT:
            # The task starts in the next turn of the loop, so writes that arrive in this one still join the batch.
            task = asyncio.create_task(self._run())
            self._batches.add(task)
            task.add_done_callback(self._batches.discard)

    def _pass_the_slow_one(self) -> None:
        self._hurry = None
        if self._waiting:
            self._start_batch()

    async def _run(self) -> None:
        while batch := self._next_batch():
            keys = {waiting.write.key for waiting in batch}
            self._keys_in_flight |= keys
            try:
                results = await self._send([waiting.write for waiting in batch])
            except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to those who wait
                self._fail(batch, error)
            else:
                for waiting, result in zip(batch, results, strict=True):
                    if not waiting.result.done():
                        waiting.result.set_result(result)
            finally:
                self._keys_in_flight -= keys
        # Now, not when the task is done: those who have their results wake up before that, and may write again.
        self._batches.discard(asyncio.current_task())

    def _next_batch(self) -> list[_Waiting[WriteT, ResultT]]:
        batch: list[_Waiting[WriteT, ResultT]] = []
        left: list[_Waiting[WriteT, ResultT]] = []
        keys = set(self._keys_in_flight)
        while self._waiting and len(batch) < BATCH_LIMIT:
            waiting = self._waiting.popleft()
            if waiting.result.done():
                continue
            if waiting.write.key in keys:
                left.append(waiting)
                continue
            keys.add(waiting.write.key)
            batch.append(waiting)
        self._waiting.extendleft(reversed(left))
        return batch

    @staticmethod
    def _fail(batch: Sequence[_Waiting[WriteT, ResultT]], error: Exception) -> None:
        for waiting in batch:
            if not waiting.result.done():
                waiting.result.set_exception(error)
