from collections.abc import Callable
from typing import Any

import pytest

from lea_payments.serving.http.connections import (
    BUFFER_LIMIT,
    NEW_SECONDS,
    SMALL_BUFFER,
    Connections,
    raise_file_limit,
)


class Connection:
    """A connection that records how it ended."""

    def __init__(self, deadline: float = 100.0, *, is_idle: bool = False, is_slow: bool = False) -> None:
        self.deadline = deadline
        self.waits_for_client = is_idle or is_slow
        self.is_idle = is_idle
        self.ends: list[str] = []

    def expire(self) -> None:
        self.ends.append("expired")

    def drop(self, reason: str) -> None:
        self.ends.append(reason)

    def drain(self) -> None:
        self.ends.append("draining")


class Loop:
    """An event loop whose timers fire when the test says so."""

    def __init__(self) -> None:
        self.timers: list[Callable[[], object]] = []

    def call_later(self, _: float, callback: Callable[..., object], *arguments: object) -> object:
        self.timers.append(lambda: callback(*arguments))
        return self.timers[-1]

    def tick(self) -> None:
        self.timers.pop(0)()


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def loop() -> Any:
    return Loop()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_one_timer_ends_all_connections_at_their_deadlines(loop: Any, clock: Clock) -> None:
    connections = Connections(10, clock)
    early, late = Connection(5), Connection(15)
    for connection in (early, late):
        connections.add(connection, loop)

    clock.now = 10
    loop.tick()

    assert (early.ends, late.ends, len(loop.timers)) == (["expired"], [], 1)


def test_without_connections_there_is_no_timer(loop: Any, clock: Clock) -> None:
    connections = Connections(10, clock)
    connection = Connection()
    connections.add(connection, loop)
    connections.remove(connection)

    loop.tick()

    assert loop.timers == []
    clock.now = 7
    connections.add(connection, loop)
    assert (connections.now, len(loop.timers), len(connections)) == (7, 1, 1)


def test_the_oldest_silent_connection_makes_room(loop: Any) -> None:
    connections = Connections(3)
    real, oldest, silent, new = (Connection() for _ in range(4))
    for connection in (real, oldest, silent):
        connections.add(connection, loop)
    connections.has_request(real)

    assert connections.add(new, loop)
    assert [one.ends for one in (real, oldest, silent, new)] == [[], ["too_many_connections"], [], []]


def test_idle_connections_make_room_if_all_have_requests(loop: Any) -> None:
    connections = Connections(2)
    busy, idle = Connection(float("inf")), Connection(is_idle=True)
    for connection in (busy, idle):
        connections.add(connection, loop)
        connections.has_request(connection)

    assert connections.add(Connection(), loop)
    assert (busy.ends, idle.ends) == ([], ["too_many_connections"])


@pytest.mark.parametrize(("slow", "closed"), [(3, 1), (64, 3)])
def test_the_oldest_slow_connections_make_room(loop: Any, slow: int, closed: int) -> None:
    connections = Connections(slow)
    opened = [Connection(number, is_slow=True) for number in range(slow)]
    for connection in reversed(opened):
        connections.add(connection, loop)
        connections.has_request(connection)

    assert connections.add(Connection(), loop)
    assert [bool(one.ends) for one in opened] == [True] * closed + [False] * (slow - closed)


@pytest.mark.parametrize(("age", "dropped"), [(NEW_SECONDS - 1, "slow"), (NEW_SECONDS, "silent")])
def test_slow_connections_make_room_before_a_new_one(loop: Any, clock: Clock, age: float, dropped: str) -> None:
    connections = Connections(3, clock)
    opened = {"slow": Connection(is_slow=True), "idle": Connection(is_idle=True), "silent": Connection()}
    for connection in opened.values():
        connections.add(connection, loop)
    for name in ("slow", "idle"):
        connections.has_request(opened[name])
    clock.now += age
    loop.tick()

    assert connections.add(Connection(), loop)
    assert [name for name, connection in opened.items() if connection.ends] == [dropped]


def test_a_new_connection_makes_room_before_idle_ones(loop: Any) -> None:
    connections = Connections(2)
    silent, idle = Connection(), Connection(is_idle=True)
    for connection in (silent, idle):
        connections.add(connection, loop)
    connections.has_request(idle)

    assert connections.add(Connection(), loop)
    assert (silent.ends, idle.ends) == (["too_many_connections"], [])


def test_busy_connections_make_no_room(loop: Any) -> None:
    connections = Connections(1)
    busy = Connection()
    connections.add(busy, loop)
    connections.has_request(busy)

    assert not connections.add(Connection(), loop)
    assert busy.ends == []


def test_the_oldest_buffer_is_dropped_above_the_limit(loop: Any) -> None:
    connections = Connections(10)
    first, second, small = (Connection() for _ in range(3))
    for connection in (first, second, small):
        connections.add(connection, loop)

    connections.buffer(first, BUFFER_LIMIT // 2)
    connections.buffer(small, SMALL_BUFFER)
    connections.buffer(second, BUFFER_LIMIT // 2 + 1)

    assert (first.ends, second.ends, small.ends) == (["too_much_memory"], [], [])
    assert connections.buffered == BUFFER_LIMIT // 2 + 1
    connections.buffer(second, 0)
    assert connections.buffered == 0


def test_the_file_limit_leaves_room_for_other_files() -> None:
    assert 1 <= raise_file_limit() <= 1000


def test_a_drain_reaches_every_open_connection(loop: Any) -> None:
    connections = Connections(10)
    one, other = Connection(), Connection()
    connections.add(one, loop)
    connections.add(other, loop)
    connections.remove(other)
    connections.drain()

    assert (one.ends, other.ends) == (["draining"], [])
    assert connections.is_draining
