"""Sends concurrent writes in shared batches."""

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

BATCH_LIMIT = 25
"""The maximum number of statements in a BatchExecuteStatement call (DynamoDB API reference)."""

IN_FLIGHT_LIMIT = 4
TICK_SECONDS = 0.1
OVERTAKE_SECONDS = 0.05
"""How long writes wait for the batch in flight before another batch is sent beside it."""


class Keyed(Protocol):
    """A write to one item."""

    @property
    def key(self) -> str:
        """The item's key."""


WriteT = TypeVar("WriteT", bound=Keyed)
ResultT = TypeVar("ResultT")


class _Waiting(NamedTuple, Generic[WriteT, ResultT]):
    write: WriteT
    result: asyncio.Future[ResultT]


class GroupCommit(Generic[WriteT, ResultT]):
    """Sends writes in batches through `send`, which returns one result for each write, in order.

    A lone write is sent at once. While a batch is in flight, new writes wait and share the next batch. Two writes with
    the same key never share a batch, because DynamoDB rejects such a batch as a whole.

    After a batch that failed as a whole, only one is in flight until one succeeds: so an outage is cheap, and a table
    that comes back is not busy with old tries.
    """

    def __init__(self, send: Callable[[Sequence[WriteT]], Awaitable[Sequence[ResultT]]]) -> None:
        self._send = send
        self._waiting: deque[_Waiting[WriteT, ResultT]] = deque()
        self._keys_in_flight: set[str] = set()
        self._batches: set[asyncio.Task[None]] = set()
        self._limit = IN_FLIGHT_LIMIT
        self._overtaking: asyncio.TimerHandle | None = None
        self._deadlines: dict[asyncio.Future[ResultT], float] = {}
        self._clock: asyncio.TimerHandle | None = None

    async def submit(self, write: WriteT, deadline: float = math.inf) -> ResultT:
        """The result of the write. Raises the error that `send` raised for its batch.

        Raises TimeoutError shortly after the deadline, which is in the loop's time. A write whose caller no longer
        waits is not sent; if it was sent before, it may still be done.
        """
        loop = asyncio.get_running_loop()
        waiting: _Waiting[WriteT, ResultT] = _Waiting(write, loop.create_future())
        self._waiting.append(waiting)
        self._deadlines[waiting.result] = deadline
        if self._clock is None:
            self._clock = loop.call_later(TICK_SECONDS, self._tick)
        if not self._batches or len(self._waiting) >= BATCH_LIMIT:
            self._start_batch()
        elif self._overtaking is None:
            self._overtaking = loop.call_later(OVERTAKE_SECONDS, self._overtake)
        try:
            return await waiting.result
        finally:
            del self._deadlines[waiting.result]

    def _tick(self) -> None:
        """Fails the writes that are past their deadline. One timer serves all: one each would cost too much."""
        loop = asyncio.get_running_loop()
        for result, deadline in self._deadlines.items():
            if deadline < loop.time() and not result.done():
                result.set_exception(TimeoutError())
        self._clock = loop.call_later(TICK_SECONDS, self._tick) if self._deadlines else None

    def _start_batch(self) -> None:
        if len(self._batches) < self._limit:
            # The task starts in the loop's next iteration, so writes that arrive in this one still join the batch.
            task = asyncio.create_task(self._run())
            self._batches.add(task)
            task.add_done_callback(self._batches.discard)

    def _overtake(self) -> None:
        self._overtaking = None
        if self._waiting:
            self._start_batch()

    async def _run(self) -> None:
        while len(self._batches) <= self._limit and (batch := self._next_batch()):
            keys = {waiting.write.key for waiting in batch}
            self._keys_in_flight |= keys
            try:
                results = await self._send([waiting.write for waiting in batch])
            except Exception as error:  # noqa: BLE001 - every error goes to the callers that wait
                self._limit = 1
                self._fail(batch, error)
            else:
                self._limit = IN_FLIGHT_LIMIT
                for waiting, result in zip(batch, results, strict=True):
                    if not waiting.result.done():
                        waiting.result.set_result(result)
                if len(self._waiting) >= BATCH_LIMIT:
                    self._start_batch()
            finally:
                self._keys_in_flight -= keys
        # Not only when the task is done: callers with their results run before that, and can write again at once.
        self._batches.discard(asyncio.current_task())

    def _next_batch(self) -> list[_Waiting[WriteT, ResultT]]:
        batch: list[_Waiting[WriteT, ResultT]] = []
        postponed: list[_Waiting[WriteT, ResultT]] = []
        keys = set(self._keys_in_flight)
        while self._waiting and len(batch) < BATCH_LIMIT:
            waiting = self._waiting.popleft()
            if waiting.result.done():
                continue
            if waiting.write.key in keys:
                postponed.append(waiting)
                continue
            keys.add(waiting.write.key)
            batch.append(waiting)
        self._waiting.extendleft(reversed(postponed))
        return batch

    @staticmethod
    def _fail(batch: Sequence[_Waiting[WriteT, ResultT]], error: Exception) -> None:
        for waiting in batch:
            if not waiting.result.done():
                waiting.result.set_exception(error)
