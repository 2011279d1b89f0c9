import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack

import pytest
from msgspec.structs import replace

from lea_payments.checkout.waiting.schedule import Schedule
from lea_payments.checkout.waiting.waiter import Waiter
from lea_payments.checkout.waiting.watcher import IN_FLIGHT_LIMIT, Watcher
from lea_payments.payment.record import Payment
from lea_payments.store.errors import UnavailableError

FAST = {"calls_per_second": 1000.0, "round_seconds": 0.002}


class Table:
    """Payments by their ids; `calls` has the ids of each call and whether it read states only.

    Each call takes one of `errors` away and fails with it. With `held`, its response comes when that is set.
    """

    def __init__(self, *payment_ids: str) -> None:
        self.payments: dict[str, Payment] = {one: Payment(payment_intent_id=one, version=2) for one in payment_ids}
        self.calls: list[tuple[Sequence[str], bool]] = []
        self.errors: list[Exception] = []
        self.busy: set[str] = set()
        self.held: asyncio.Event | None = None
        self.in_flight = self.most_in_flight = 0
        self.reading: set[str] = set()
        self._progress = asyncio.Condition()

    async def read_many(self, payment_ids: Sequence[str], *, only_state: bool) -> Mapping[str, Payment | None]:
        self.calls.append((payment_ids, only_state))
        assert only_state or not self.reading.intersection(payment_ids), "two reads of one payment overlap"
        self.reading.update(() if only_state else payment_ids)
        self.in_flight += 1
        self.most_in_flight = max(self.in_flight, self.most_in_flight)
        async with self._progress:
            self._progress.notify_all()
        result = {one: self.payments.get(one) for one in payment_ids if one not in self.busy}
        await (self.held.wait() if self.held else asyncio.sleep(0))
        self.in_flight -= 1
        self.reading.difference_update(() if only_state else payment_ids)
        if self.errors:
            raise self.errors.pop()
        return result

    def change(self, payment_id: str) -> None:
        record = self.payments[payment_id]
        self.payments[payment_id] = replace(record, version=(record.version or 0) + 1)

    async def calls_so_far(self, count: int) -> None:
        await self.until(lambda: len(self.calls) >= count)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with self._progress:
            await self._progress.wait_for(condition)

    def looked_at(self) -> set[str]:
        return {one for ids, only_state in self.calls if only_state for one in ids}


def watching(table: Table) -> Watcher:
    return Watcher(table, Schedule(**FAST))


async def test_a_change_is_answered_after_one_look_and_one_read() -> None:
    table, waiter = Table("p_1"), Waiter("p_1", 2)
    with watching(table).watching(waiter):
        await table.calls_so_far(2)
        table.change("p_1")
        calls_before = len(table.calls)
        await waiter.ended

    assert waiter.record == table.payments["p_1"]
    assert table.calls[0] == (["p_1"], False)
    only_states = [only_state for _, only_state in table.calls[calls_before:]]
    assert (only_states[0], only_states.count(False)) == (True, 1)  # a slow machine can look more often


async def test_a_call_reads_100_payments_at_most() -> None:
    table = Table(*(f"p_{number}" for number in range(250)))
    watcher = watching(table)
    with ExitStack() as stack:
        for payment_id in table.payments:
            stack.enter_context(watcher.watching(Waiter(payment_id, 2)))
        await table.until(lambda: table.looked_at() == table.payments.keys())

    assert [len(ids) for ids, only_state in table.calls if not only_state] == [100, 100, 50]
    assert max(len(ids) for ids, _ in table.calls) == 100


async def test_a_slow_call_delays_no_other_and_few_are_in_flight() -> None:
    table = Table(*(f"p_{number}" for number in range(600)))
    watcher, waiter = watching(table), Waiter("p_599", 1)
    table.held = asyncio.Event()
    with ExitStack() as stack:
        for payment_id in table.payments:
            stack.enter_context(watcher.watching(Waiter(payment_id, 2)))
        stack.enter_context(watcher.watching(waiter))
        await table.calls_so_far(IN_FLIGHT_LIMIT)
        await asyncio.sleep(0.02)
        calls = len(table.calls)
        table.held.set()
        await waiter.ended

    assert calls == table.most_in_flight == IN_FLIGHT_LIMIT


async def test_a_read_in_flight_does_not_answer_a_later_call() -> None:
    """Its result can be older than the version that the later caller has."""
    table = Table("p_1")
    watcher, first, second = watching(table), Waiter("p_1", 2), Waiter("p_1", 3)
    table.held = asyncio.Event()
    with watcher.watching(first):
        await table.calls_so_far(1)
        table.change("p_1")
        with watcher.watching(second):
            table.held.set()
            await first.ended
            await table.calls_so_far(4)

    assert not second.ended.done()
    assert second.record == table.payments["p_1"]


async def test_calls_that_arrive_all_the_time_stop_no_round() -> None:
    table = Table("p_1", *(f"other_{number}" for number in range(300)))
    watcher, waiter = Watcher(table, Schedule(calls_per_second=1000, round_seconds=0.02)), Waiter("p_1", 2)
    with watcher.watching(waiter), ExitStack() as stack:
        await table.calls_so_far(1)
        table.change("p_1")
        for payment_id in [*table.payments][1:]:
            if waiter.ended.done():
                break
            stack.enter_context(watcher.watching(Waiter(payment_id, 2)))
            await table.calls_so_far(len(table.calls) + 1)

    assert waiter.ended.done()


@pytest.mark.parametrize("error", [UnavailableError("no response"), ValueError("a response that makes no sense")])
async def test_a_failed_call_is_repeated(error: Exception) -> None:
    table, waiter = Table("p_1"), Waiter("p_1", 1)
    table.errors = [error]

    with watching(table).watching(waiter):
        await waiter.ended

    assert [ids for ids, only_state in table.calls if not only_state] == [["p_1"]] * 2


async def test_a_payment_that_dynamodb_left_out_is_read_later() -> None:
    table, waiter, other = Table("p_1", "p_2"), Waiter("p_1", 1), Waiter("p_2", 1)
    table.busy = {"p_1"}
    watcher = watching(table)
    with watcher.watching(waiter), watcher.watching(other):
        await other.ended
        table.busy.clear()
        await waiter.ended

    assert waiter.record == table.payments["p_1"]


async def test_nothing_is_left_when_all_callers_have_left() -> None:
    table = Table("p_1", "p_2")
    watcher = watching(table)
    with watcher.watching(Waiter("p_1")), watcher.watching(Waiter("p_1")), watcher.watching(Waiter("p_2")):
        await table.calls_so_far(3)
        watcher.look_again("p_2")
    calls = len(table.calls)
    await asyncio.sleep(0.02)

    assert watcher.is_idle
    assert len(table.calls) <= calls + 1


async def test_a_payment_that_nobody_waits_for_is_not_read() -> None:
    table = Table("p_1")
    watcher = watching(table)

    watcher.look_again("p_1")

    assert watcher.is_idle


async def test_a_change_of_this_process_needs_no_round() -> None:
    table, waiter = Table("p_1"), Waiter("p_1", 2)
    watcher = Watcher(table, Schedule(calls_per_second=1000, round_seconds=600))
    with watcher.watching(waiter):
        await table.calls_so_far(1)
        table.change("p_1")
        watcher.look_again("p_1")
        await waiter.ended

    assert table.calls == [(["p_1"], False)] * 2
