import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

import pytest

from lea_payments.store.group_commit import BATCH_LIMIT, IN_FLIGHT_LIMIT, OVERTAKE_SECONDS, TICK_SECONDS, GroupCommit


class Write(NamedTuple):
    key: str
    value: int = 0


class Sender:
    """Records the batches and answers while `answer` is set."""

    def __init__(self) -> None:
        self.batches: list[list[Write]] = []
        self.answer = asyncio.Event()
        self.answer.set()
        self.failure: Exception | None = None
        self._arrivals = asyncio.Semaphore(0)
        self._answering: set[asyncio.Future[None]] = set()

    def __call__(self, writes: Sequence[Write], done: Callable[[Sequence[int] | Exception], None]) -> None:
        self.batches.append(list(writes))
        self._arrivals.release()
        answering = asyncio.ensure_future(self._answer(writes, done))
        self._answering.add(answering)

    async def _answer(self, writes: Sequence[Write], done: Callable[[Sequence[int] | Exception], None]) -> None:
        await self.answer.wait()
        done(self.failure or [write.value for write in writes])

    async def received(self, batches: int) -> None:
        while len(self.batches) < batches:
            await self._arrivals.acquire()


def _submit(group: GroupCommit[Write, int], *writes: Write) -> list[asyncio.Task[int]]:
    return [asyncio.create_task(group.submit(write)) for write in writes]


async def test_a_lone_write_is_sent_at_once() -> None:
    sender = Sender()

    assert await GroupCommit(sender).submit(Write("a", 7)) == 7


async def test_a_write_after_a_result_is_sent_at_once() -> None:
    group: GroupCommit[Write, int] = GroupCommit(Sender())

    async def write_twice() -> None:
        await group.submit(Write("a"))
        await group.submit(Write("a"))

    writing = asyncio.create_task(write_twice())
    for _ in range(20):
        await asyncio.sleep(0)

    assert writing.done()


async def test_concurrent_writes_share_a_batch() -> None:
    sender = Sender()

    results = await asyncio.gather(*_submit(GroupCommit(sender), *(Write(f"k{n}", n) for n in range(10))))

    assert results == list(range(10))
    assert [len(batch) for batch in sender.batches] == [10]


async def test_no_batch_is_larger_than_dynamodb_accepts() -> None:
    sender = Sender()

    await asyncio.gather(*_submit(GroupCommit(sender), *(Write(f"k{n}", n) for n in range(120))))

    assert max(map(len, sender.batches)) <= BATCH_LIMIT
    assert sum(map(len, sender.batches)) == 120


async def test_two_writes_for_one_key_are_never_in_flight_together() -> None:
    sender = Sender()

    results = await asyncio.gather(*_submit(GroupCommit(sender), Write("a", 1), Write("a", 2), Write("b", 3)))

    assert results == [1, 2, 3]
    assert sender.batches == [[Write("a", 1), Write("b", 3)], [Write("a", 2)]]


async def test_writes_for_one_key_keep_their_order() -> None:
    sender = Sender()

    await asyncio.gather(*_submit(GroupCommit(sender), *(Write("a", n) for n in range(30))))

    assert [batch[0].value for batch in sender.batches] == list(range(30))


async def test_a_failed_batch_fails_only_its_own_writes() -> None:
    sender = Sender()
    group: GroupCommit[Write, int] = GroupCommit(sender)
    sender.failure = OSError("broken")
    with pytest.raises(OSError, match="broken"):
        await group.submit(Write("a"))
    sender.failure = None

    assert await group.submit(Write("a", 5)) == 5


async def test_writes_overtake_a_slow_batch() -> None:
    sender = Sender()
    group: GroupCommit[Write, int] = GroupCommit(sender)
    sender.answer.clear()
    [slow] = _submit(group, Write("slow", 1))
    await asyncio.sleep(0)
    [other] = _submit(group, Write("other", 2))
    await sender.received(2)
    sender.answer.set()

    assert [await slow, await other] == [1, 2]


async def test_the_number_of_batches_in_flight_is_limited() -> None:
    sender = Sender()
    sender.answer.clear()
    tasks = _submit(GroupCommit(sender), *(Write(f"k{n}", n) for n in range(BATCH_LIMIT * (IN_FLIGHT_LIMIT + 3))))
    await sender.received(IN_FLIGHT_LIMIT)
    await asyncio.sleep(2 * OVERTAKE_SECONDS)
    assert len(sender.batches) == IN_FLIGHT_LIMIT
    sender.answer.set()

    assert await asyncio.gather(*tasks) == list(range(len(tasks)))


async def test_after_a_failure_one_batch_is_in_flight_until_a_success() -> None:
    sender = Sender()
    group: GroupCommit[Write, int] = GroupCommit(sender)
    sender.failure = OSError("broken")
    with pytest.raises(OSError, match="broken"):
        await group.submit(Write("first"))
    sender.failure = None
    sender.answer.clear()
    count = BATCH_LIMIT * (IN_FLIGHT_LIMIT + 3)
    tasks = _submit(group, *(Write(f"k{n}", n) for n in range(count)))
    await sender.received(2)
    await asyncio.sleep(2 * OVERTAKE_SECONDS)
    assert len(sender.batches) == 2
    sender.answer.set()

    assert await asyncio.gather(*tasks) == list(range(count))


async def test_a_failure_does_not_leave_other_batches_in_flight() -> None:
    sender = Sender()
    group: GroupCommit[Write, int] = GroupCommit(sender)
    sender.failure = OSError("broken")
    sender.answer.clear()
    tasks = _submit(group, *(Write(f"k{n}", n) for n in range(BATCH_LIMIT * (IN_FLIGHT_LIMIT + 3))))
    await sender.received(IN_FLIGHT_LIMIT)
    sender.answer.set()

    results = await asyncio.gather(*tasks, return_exceptions=True)

    assert [str(result) for result in results] == ["broken"] * len(tasks)
    assert sum(map(len, sender.batches)) == len(tasks)


async def test_a_write_whose_caller_gave_up_is_not_sent() -> None:
    sender = Sender()
    group: GroupCommit[Write, int] = GroupCommit(sender)
    sender.answer.clear()
    [first] = _submit(group, Write("a", 1))
    await asyncio.sleep(0)
    [second] = _submit(group, Write("a", 2))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.sleep(0)
    sender.answer.set()
    await first

    assert await group.submit(Write("a", 3)) == 3
    assert [write.value for batch in sender.batches for write in batch] == [1, 3]


async def test_a_write_past_its_deadline_times_out() -> None:
    sender = Sender()
    sender.answer.clear()
    group: GroupCommit[Write, int] = GroupCommit(sender)

    with pytest.raises(TimeoutError):
        await group.submit(Write("a"), asyncio.get_running_loop().time() - 1)

    sender.answer.set()
    assert await group.submit(Write("b", 2)) == 2


async def test_a_write_within_its_deadline_does_not_time_out() -> None:
    sender = Sender()
    sender.answer.clear()
    group: GroupCommit[Write, int] = GroupCommit(sender)
    waiting = asyncio.create_task(group.submit(Write("a", 1), asyncio.get_running_loop().time() + 3600))
    await asyncio.sleep(2 * TICK_SECONDS)
    sender.answer.set()

    assert await waiting == 1


@pytest.mark.parametrize("failure", [None, OSError("broken")], ids=["written", "failed"])
async def test_a_caller_that_gave_up_does_not_disturb_others(failure: Exception | None) -> None:
    sender = Sender()
    sender.answer.clear()
    sender.failure = failure
    first, second = _submit(GroupCommit(sender), Write("a", 1), Write("b", 2))
    await sender.received(1)
    first.cancel()
    await asyncio.sleep(0)
    sender.answer.set()

    results = await asyncio.gather(first, second, return_exceptions=True)

    assert isinstance(results[0], asyncio.CancelledError)
    assert results[1] == (failure or 2)
