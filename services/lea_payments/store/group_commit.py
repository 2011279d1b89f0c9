"""Sends concurrent writes in shared batches."""

import asyncio
import math
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Generic, Protocol, TypeVar

import msgspec

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


class Waiting(msgspec.Struct, Generic[WriteT, ResultT], eq=False):
    """A write and the callback for its result, which is None once nobody waits any more."""

    write: WriteT
    deadline: float
    callback: Callable[[ResultT | Exception], None] | None


class GroupCommit(Generic[WriteT, ResultT]):
    """Sends writes in batches through `send`, which calls back with one result for each write, in order, or an error.

    A lone write is sent at once. While a batch is in flight, new writes wait and share the next batch. Two writes with
    the same key never share a batch, because DynamoDB rejects such a batch as a whole.

    After a batch that failed as a whole, only one is in flight until one succeeds: so an outage is cheap, and a table
    that comes back is not busy with old tries.

    It consists of callbacks: a task and a future for each write would cost more than the write.
    """

    def __init__(
        self, send: Callable[[Sequence[WriteT], Callable[[Sequence[ResultT] | Exception], None]], None]
    ) -> None:
        self._send = send
        self._loop: asyncio.AbstractEventLoop | None = None
        self._queue: deque[Waiting[WriteT, ResultT]] = deque()
        self._unanswered: dict[Waiting[WriteT, ResultT], None] = {}
        self._keys_in_flight: set[str] = set()
        self._in_flight = 0
        self._limit = IN_FLIGHT_LIMIT
        self._is_collecting = True
        self._start: asyncio.Handle | None = None
        self._overtaking: asyncio.TimerHandle | None = None
        self._clock: asyncio.TimerHandle | None = None

    def append(
        self, write: WriteT, deadline: float, callback: Callable[[ResultT | Exception], None]
    ) -> Waiting[WriteT, ResultT]:
        """Sends the write soon. The callback gets its result, or the error of its batch, after this call.

        It gets a TimeoutError shortly after the deadline, which is in the loop's time. The write may still be done.
        """
        loop = self._loop or self._current_loop()
        waiting: Waiting[WriteT, ResultT] = Waiting(write, deadline, callback)
        self._queue.append(waiting)
        self._unanswered[waiting] = None
        if self._clock is None:
            self._clock = loop.call_later(TICK_SECONDS, self._tick)
        if self._start is not None:
            return waiting
        if not self._in_flight and not self._is_collecting:
            self._start_batches()
        elif not self._in_flight or len(self._queue) >= BATCH_LIMIT:
            # In the loop's next iteration, so that writes that arrive in this one still join the batch.
            self._start = loop.call_soon(self._start_batches)
        elif self._overtaking is None:
            self._overtaking = loop.call_later(OVERTAKE_SECONDS, self._overtake)
        return waiting

    async def submit(self, write: WriteT, deadline: float = math.inf) -> ResultT:
        """The result of the write. Raises the error of its batch, and TimeoutError shortly after the deadline.

        A write whose caller no longer waits is not sent; if it was sent before, it may still be done.
        """
        future: asyncio.Future[ResultT] = asyncio.get_running_loop().create_future()
        waiting = self.append(write, deadline, partial(settle, future))
        try:
            return await future
        finally:
            waiting.callback = None
            self._unanswered.pop(waiting, None)

    def _current_loop(self) -> asyncio.AbstractEventLoop:
        """The loop to which all writes belong; asking for it costs a system call in Python 3.11."""
        self._loop = asyncio.get_running_loop()
        return self._loop

    def _tick(self) -> None:
        """Fails the writes that are past their deadline. One timer serves all: one each would cost too much."""
        loop = self._current_loop()
        now = loop.time()
        for waiting in [each for each in self._unanswered if each.deadline < now]:
            self._answer(waiting, TimeoutError())
        self._clock = loop.call_later(TICK_SECONDS, self._tick) if self._unanswered else None

    def _overtake(self) -> None:
        self._overtaking = None
        self._start_batches()

    def _start_batches(self) -> None:
        """Sends a batch of what waits, and more while there are full ones."""
        self._start = None
        while self._in_flight < self._limit and (batch := self._next_batch()):
            self._send_batch(batch)
            if len(self._queue) < BATCH_LIMIT:
                break
        if self._queue and self._overtaking is None:
            self._overtaking = self._current_loop().call_later(OVERTAKE_SECONDS, self._overtake)

    def _send_batch(self, batch: Sequence[Waiting[WriteT, ResultT]]) -> None:
        self._in_flight += 1
        # A single sender waits for each answer, so its next write is alone, too: it need not wait for others to join.
        self._is_collecting = len(batch) > 1
        finish = partial(self._finish_batch, batch)
        try:
            self._send([waiting.write for waiting in batch], finish)
        except Exception as error:  # noqa: BLE001 - every error goes to the callers that wait
            self._current_loop().call_soon(finish, error)

    def _next_batch(self) -> list[Waiting[WriteT, ResultT]]:
        """The writes to send next. Their keys are in flight from now on."""
        batch: list[Waiting[WriteT, ResultT]] = []
        postponed: list[Waiting[WriteT, ResultT]] = []
        keys = self._keys_in_flight
        while self._queue and len(batch) < BATCH_LIMIT:
            waiting = self._queue.popleft()
            if waiting.callback is None:
                continue
            key = waiting.write.key
            if key in keys:
                postponed.append(waiting)
                continue
            keys.add(key)
            batch.append(waiting)
        self._queue.extendleft(reversed(postponed))
        return batch

    def _finish_batch(self, batch: Sequence[Waiting[WriteT, ResultT]], results: Sequence[ResultT] | Exception) -> None:
        self._in_flight -= 1
        for waiting in batch:
            self._keys_in_flight.discard(waiting.write.key)
        each: Sequence[ResultT | Exception]
        if isinstance(results, Exception):
            self._limit, each = 1, [results] * len(batch)
        else:
            self._limit, each = IN_FLIGHT_LIMIT, results
        if self._queue:
            # The next call leaves before the results of this one are used: DynamoDB works meanwhile.
            self._start_batches()
        for waiting, result in zip(batch, each, strict=True):
            self._answer(waiting, result)

    def _answer(self, waiting: Waiting[WriteT, ResultT], result: ResultT | Exception) -> None:
        callback, waiting.callback = waiting.callback, None
        if callback is None:
            return
        del self._unanswered[waiting]
        try:
            callback(result)
        except Exception as error:  # noqa: BLE001 - a bug in one callback must not cost the others their results
            context = {"message": "a callback of a write failed", "exception": error}
            self._current_loop().call_exception_handler(context)


def settle(future: asyncio.Future[ResultT], result: ResultT | Exception) -> None:
    """Gives a result or an error to the coroutine that waits for this future, if it still waits."""
    if future.done():
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)
