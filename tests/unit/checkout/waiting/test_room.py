import asyncio
from collections.abc import Mapping, Sequence

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from lea_payments.checkout.errors import RefusalError
from lea_payments.checkout.waiting.room import WaitingRoom
from lea_payments.payment.record import Payment
from lea_payments.serving.http.connections import Connections
from lea_payments.store.errors import UnavailableError

RECORD = Payment(payment_intent_id="p_1", version=2)


class Table:
    """A table with one payment. `is_silent`: reads of many payments do not end."""

    def __init__(self) -> None:
        self.is_silent = False
        self.reads = 0
        self.has_read = asyncio.Event()
        self.gets = 0

    async def read_many(self, payment_ids: Sequence[str], *, only_state: bool) -> Mapping[str, Payment | None]:
        del only_state
        self.reads += 1
        self.has_read.set()
        if self.is_silent:
            await asyncio.sleep(600)
        return {one: RECORD if one == "p_1" else None for one in payment_ids}

    async def get(self, payment_id: str) -> Payment | None:
        self.gets += 1
        return RECORD if payment_id == "p_1" else None


class Caller:
    """A caller that can leave."""

    def __init__(self, connections: Connections | None = None) -> None:
        self.has_left = asyncio.Event()
        scope = {"type": "http", "lea_payments.connections": connections}
        self.request = Request(scope, self._receive)
        self._messages = iter([{"type": "http.request", "body": b""}])

    async def _receive(self) -> Message:
        if (message := next(self._messages, None)) is not None:
            return message
        await self.has_left.wait()
        return {"type": "http.disconnect"}


@pytest.fixture
def table() -> Table:
    return Table()


async def test_a_change_or_an_unknown_payment_is_answered(table: Table) -> None:
    room = WaitingRoom(table)

    assert await room.wait(Caller().request, "p_1", 1, 600) is RECORD
    assert await room.wait(Caller().request, "p_2", None, 600) is None


async def test_without_a_change_the_wait_ends_in_time(table: Table) -> None:
    assert await WaitingRoom(table).wait(Caller().request, "p_1", 2, 0.2) is RECORD


async def test_one_call_more_than_the_limit_is_refused(table: Table) -> None:
    room = WaitingRoom(table, limit=1)
    waiting = asyncio.create_task(room.wait(Caller().request, "p_1", 2, 600))
    await table.has_read.wait()
    with pytest.raises(RefusalError) as refused:
        await room.wait(Caller().request, "p_1", 2, 600)
    room.close()

    assert await waiting is RECORD
    assert (refused.value.code, refused.value.retry_after) == ("too_many_waiting", 2)


async def test_other_calls_keep_their_connections(table: Table) -> None:
    with pytest.raises(RefusalError):
        await WaitingRoom(table).wait(Caller(Connections(300)).request, "p_1", 2, 600)


async def test_a_caller_that_leaves_makes_room(table: Table) -> None:
    room, gone = WaitingRoom(table, limit=1), Caller()
    waiting = asyncio.create_task(room.wait(gone.request, "p_1", 2, 600))
    await table.has_read.wait()
    gone.has_left.set()
    with pytest.raises(ClientDisconnect):
        await waiting

    assert await room.wait(Caller().request, "p_1", 1, 600) is RECORD


async def test_an_unknown_state_at_the_end_is_an_error(table: Table) -> None:
    table.is_silent = True

    with pytest.raises(UnavailableError):
        await WaitingRoom(table).wait(Caller().request, "p_1", 2, 0.01)


@pytest.mark.parametrize("is_silent", [False, True])
async def test_the_drain_ends_every_wait(table: Table, *, is_silent: bool) -> None:
    """Also of a call whose payment has not been read yet, and of calls that come later."""
    table.is_silent = is_silent
    room, connections = WaitingRoom(table), Connections(1300)
    waiting = asyncio.create_task(room.wait(Caller(connections).request, "p_1", 2, 600))
    await table.has_read.wait()
    await asyncio.sleep(0)
    connections.drain()
    late = await room.wait(Caller(connections).request, "p_1", 2, 600)

    assert await waiting is late is RECORD
    assert table.gets == (2 if is_silent else 1)


async def test_a_room_that_opens_in_the_drain_is_closed(table: Table) -> None:
    connections = Connections(10)
    connections.drain()

    assert await WaitingRoom(table).wait(Caller(connections).request, "p_1", 2, 600) is RECORD
    assert table.reads == 0
