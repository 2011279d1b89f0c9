import asyncio
from collections.abc import Sequence
from typing import NamedTuple

import pytest

from lea_payments.store.group_commit import BATCH_LIMIT, IN_FLIGHT_LIMIT, OVERTAKE_SECONDS, GroupCommit


class Write(NamedTuple):
    key: str
    value: int = 0


class Sender:
    """Keeps the batches it was given and answers when told to."""

    def __init__(self) -> None:
        self.batches: list[list[Write]] = []
        self.answer = asyncio.Event()
        self.answer.set()
        self.failure: Exception | None = None

    async def __call__(self, writes: Sequence[Write]) -> Sequence[int]:
        self.batches.append(list(writes))
        await self.answer.wait()
        if self.failure:
            raise self.failure
        return [write.value for write in writes]


def _submit(group: GroupCommit[Write, int], *writes: Write) -> list[asyncio.Task[int]]:
    return [asyncio.create_task(group.submit(write)) for write in writes]


async def test_a_lone_write_leaves_at_once() -> None:
    sender = Sender()

    assert await GroupCommit(sender).submit(Write("a", 7)) == 7


async def test_a_write_that_follows_from_a_result_leaves_at_once_too() -> None:
    group: GroupCommit[Write, int] = GroupCommit(Sender())

    async def write_twice() -> None:
        await group.submit(Write("a"))
        await group.submit(Write("a"))

    writing = asyncio.create_task(write_twice())
    for _ in range(20):
        await asyncio.sleep(0)

    assert writing.done()


async def test_writes_that_come_together_travel_together_and_get_their_own_results() -> None:
    sender = Sender()

    results = await asyncio.gather(*_submit(GroupCommit(sender), *(Write(f"k{n}", n) for n in range(10))))

    assert results == list(range(10))
    assert [len(batch) for batch in sender.batches] == [10]


async def test_no_batch_is_larger_than_the_database_takes() -> None:
    sender = Sender()

    await asyncio.gather(*_submit(GroupCommit(sender), *(Write(f"k{n}", n) for n in range(120))))

    assert max(map(len, sender.batches)) <= BATCH_LIMIT
    assert sum(map(len, sender.batches)) == 120


async def test_two_writes_for_one_key_never_travel_at_the_same_time() -> None:
    sender = Sender()

    results = await asyncio.gather(*_submit(GroupCommit(sender), Write("a", 1), Write("a", 2), Write("b", 3)))

    assert results == [1, 2, 3]
    assert sender.batches == [[Write("a", 1), Write("b", 3)], [Write("a", 2)]]


async def test_writes_for_one_key_keep_their_order() -> None:
    sender = Sender()

    await asyncio.gather(*_submit(GroupCommit(sender), *(Write("a", n) for n in range(30))))

    assert [batch[0].value for batch in sender.batches] == list(range(30))


async def test_a_failed_batch_fails_its_own_writes_only() -> None:
    sender = Sender()
    group: GroupCommit[Write, int] = GroupCommit(sender)
    sender.failure = OSError("gone")
    with pytest.raises(OSError, match="gone"):
        await group.submit(Write("a"))
    sender.failure = None

    assert await group.submit(Write("a", 5)) == 5


async def test_writes_pass_a_batch_that_is_stuck() -> None:
    sender = Sender()
    group: GroupCommit[Write, int] = GroupCommit(sender)
    sender.answer.clear()
    [stuck] = _submit(group, Write("stuck", 1))
    await asyncio.sleep(0)
    [other] = _submit(group, Write("other", 2))
    await asyncio.sleep(OVERTAKE_SECONDS * 4)
    assert len(sender.batches) == 2
    sender.answer.set()

    assert [await stuck, await other] == [1, 2]


async def test_only_so_many_batches_are_under_way() -> None:
    sender = Sender()
    sender.answer.clear()
    tasks = _submit(GroupCommit(sender), *(Write(f"k{n}", n) for n in range(BATCH_LIMIT * (IN_FLIGHT_LIMIT + 3))))
    await asyncio.sleep(0.2)
    assert len(sender.batches) == IN_FLIGHT_LIMIT
    sender.answer.set()

    assert await asyncio.gather(*tasks) == list(range(len(tasks)))


async def test_a_caller_that_gave_up_takes_its_write_back() -> None:
    sender = Sender()
    group: GroupCommit[Write, int] = GroupCommit(sender)
    sender.answer.clear()
    [first] = _submit(group, Write("a", 1))
    await asyncio.sleep(0)
    [second] = _submit(group, Write("a", 2))
    await asyncio.sleep(0)
    second.cancel()
    sender.answer.set()
    await first

    assert await group.submit(Write("a", 3)) == 3
    assert [write.value for batch in sender.batches for write in batch] == [1, 3]
