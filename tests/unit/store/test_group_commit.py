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


class Results:
    """Records what callbacks get."""

    def __init__(self) -> None:
        self.all: list[tuple[str, int | Exception]] = []
        self._arrivals = asyncio.Semaphore(0)

    def of(self, name: str) -> Callable[[int | Exception], None]:
        def record(result: int | Exception) -> None:
            self.all.append((name, result))
            self._arrivals.release()

        return record

    async def arrived(self, count: int = 1) -> None:
        while len(self.all) < count:
            await self._arrivals.acquire()


def _far() -> float:
    return asyncio.get_running_loop().time() + 3600


@pytest.mark.parametrize("writes_before", [0, 1, 2], ids=["first", "after a lone write", "after a batch"])
async def test_a_result_comes_after_the_call_that_appends(writes_before: int) -> None:
    group: GroupCommit[Write, int] = GroupCommit(Sender())
    await asyncio.gather(*_submit(group, *(Write(f"k{n}") for n in range(writes_before))))
    results = Results()

    group.append(Write("a", 1), _far(), results.of("a"))
    assert results.all == []

    await results.arrived()
    assert results.all == [("a", 1)]


async def test_a_callback_that_raises_does_not_cost_others_theirs() -> None:
    group: GroupCommit[Write, int] = GroupCommit(Sender())
    results, problems = Results(), []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(context["exception"]))
    bug = KeyError("a bug")

    def raises(_: int | Exception) -> None:
        raise bug

    group.append(Write("a", 1), _far(), raises)
    group.append(Write("b", 2), _far(), results.of("b"))

    await results.arrived()
    assert (results.all, problems) == ([("b", 2)], [bug])
    assert await group.submit(Write("a", 3)) == 3


async def test_a_callback_can_append_the_next_write() -> None:
    group: GroupCommit[Write, int] = GroupCommit(Sender())
    results = Results()

    def append_next(_: int | Exception) -> None:
        group.append(Write("a", 2), _far(), results.of("second"))

    group.append(Write("a", 1), _far(), append_next)

    await results.arrived()
    assert results.all == [("second", 2)]


@pytest.mark.parametrize("count", [1, 3, BATCH_LIMIT * (IN_FLIGHT_LIMIT + 2)])
async def test_a_send_that_raises_fails_all_its_writes(count: int) -> None:
    bug = KeyError("a bug")
    broken, sender, results = [True], Sender(), Results()

    def send(writes: Sequence[Write], done: Callable[[Sequence[int] | Exception], None]) -> None:
        if broken[0]:
            raise bug
        sender(writes, done)

    group: GroupCommit[Write, int] = GroupCommit(send)
    for number in range(count):
        group.append(Write(f"k{number}"), _far(), results.of(str(number)))

    assert results.all == []
    await results.arrived(count)
    assert results.all == [(str(number), bug) for number in range(count)]
    broken[0] = False
    assert await group.submit(Write("k0", 5)) == 5


async def test_an_error_reaches_every_waiter_of_its_batch() -> None:
    sender, results = Sender(), Results()
    sender.failure = OSError("broken")
    group: GroupCommit[Write, int] = GroupCommit(sender)
    for name in "abc":
        group.append(Write(name), _far(), results.of(name))

    await results.arrived(3)
    assert results.all == [(name, sender.failure) for name in "abc"]


async def test_a_late_result_does_not_follow_a_time_out() -> None:
    sender, results = Sender(), Results()
    sender.answer.clear()
    group: GroupCommit[Write, int] = GroupCommit(sender)
    group.append(Write("a", 1), asyncio.get_running_loop().time() - 1, results.of("a"))
    await results.arrived()
    sender.answer.set()

    assert await group.submit(Write("a", 2)) == 2
    [(name, result)] = results.all
    assert (name, type(result)) == ("a", TimeoutError)
