"""Sends signed events over keep-alive connections, as a separate process, and times each answer.

For each line with an Order on its standard input, it prepares the requests, prints "ready", waits for a line, sends the
events and prints a LoadResult.
"""

import asyncio
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Protocol, cast

import msgspec
import uvloop

from tests.bench.sending import requests


class Order(msgspec.Struct):
    """The events of one turn. Without a `rate`, each connection sends as soon as its last event is answered.

    With a rate, an event is due every 1/`rate` seconds, also while the server is slow: the time of an answer counts
    from then, so it includes the wait for a free connection. `ids` replaces the ids that are made from the prefix.
    """

    port: int
    connections: int
    events: int
    prefix: str
    event: str = "session"
    rate: float | None = None
    ids: Sequence[str] = ()

    def payment_ids(self) -> Sequence[str]:
        """The ids of the payments; each gets one event."""
        return self.ids or requests.payment_ids(self.prefix, self.events)


class LoadResult(msgspec.Struct):
    """The number of answers by HTTP status, the duration of each answer, and the duration of the whole turn."""

    statuses: dict[int, int]
    milliseconds: list[float]
    seconds: float


class Plan(Protocol):
    """Decides when which event is sent."""

    def start(self, connections: Sequence["Connection"]) -> None: ...

    def answered(self, connection: "Connection") -> None: ...


class Connection(asyncio.Protocol):
    """A connection to the server, with at most one event under way."""

    def __init__(self, plan: Plan, result: LoadResult, done: asyncio.Future[None]) -> None:
        self._plan = plan
        self._result = result
        self._done = done
        self._unread = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's class is not a subclass of it

    def send(self, request: bytes, due: float) -> None:
        """Sends a request whose time counts from `due`."""
        self._due = due
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._unread += data
        head, found, body = self._unread.partition(b"\r\n\r\n")
        if not found or len(body) < int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]):
            return
        self._result.milliseconds.append((time.perf_counter() - self._due) * 1000)
        status = int(head[9:12])
        self._result.statuses[status] = self._result.statuses.get(status, 0) + 1
        self._unread = b""
        self._plan.answered(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(exc or ConnectionError("the server closed the connection"))


class AsFastAsAnswered:
    """Sends the next event on a connection when its last one is answered, until none is left."""

    def __init__(self, prepared: Sequence[bytes], done: asyncio.Future[None]) -> None:
        self._remaining = iter(prepared)
        self._unanswered = len(prepared)
        self._done = done

    def start(self, connections: Sequence[Connection]) -> None:
        for connection in connections:
            self._send_next(connection)

    def answered(self, connection: Connection) -> None:
        self._unanswered -= 1
        if self._unanswered:
            self._send_next(connection)
        elif not self._done.done():
            self._done.set_result(None)

    def _send_next(self, connection: Connection) -> None:
        request = next(self._remaining, None)
        if request is not None:
            connection.send(request, time.perf_counter())


class AtRate:
    """Sends the events at a constant rate, whether or not the earlier ones are answered."""

    def __init__(self, prepared: Sequence[bytes], done: asyncio.Future[None], rate: float) -> None:
        self._prepared = prepared
        self._unanswered = len(prepared)
        self._done = done
        self._rate = rate
        self._idle: deque[Connection] = deque()
        self._waiting: deque[tuple[bytes, float]] = deque()

    def start(self, connections: Sequence[Connection]) -> None:
        self._idle.extend(connections)
        arguments = asyncio.get_running_loop(), time.perf_counter()
        threading.Thread(target=self._keep_time, args=arguments, daemon=True).start()

    def _keep_time(self, loop: asyncio.AbstractEventLoop, started: float) -> None:
        """Sends each event when it is due. In a thread, because the loop's timers are precise only to a millisecond."""
        for number, request in enumerate(self._prepared):
            due = started + number / self._rate
            time.sleep(max(due - time.perf_counter(), 0))
            loop.call_soon_threadsafe(self._send, request, due)

    def _send(self, request: bytes, due: float) -> None:
        if self._idle:
            self._idle.popleft().send(request, due)
        else:
            self._waiting.append((request, due))

    def answered(self, connection: Connection) -> None:
        self._unanswered -= 1
        if self._waiting:
            connection.send(*self._waiting.popleft())
        else:
            self._idle.append(connection)
        if not self._unanswered and not self._done.done():
            self._done.set_result(None)


async def send(order: Order, prepared: Sequence[bytes]) -> LoadResult:
    """Sends all requests, at most one at a time on each connection."""
    loop = asyncio.get_running_loop()
    result, done = LoadResult({}, [], 0), loop.create_future()
    plan = AsFastAsAnswered(prepared, done) if order.rate is None else AtRate(prepared, done, order.rate)
    opened = [
        await loop.create_connection(lambda: Connection(plan, result, done), "127.0.0.1", order.port)
        for _ in range(order.connections)
    ]
    started = time.perf_counter()
    plan.start([connection for _, connection in opened])
    await done
    result.seconds = time.perf_counter() - started
    for transport, _ in opened:
        transport.close()
    return result


def main() -> None:
    """Serves the orders of its standard input."""
    secret = os.environ["STRIPE_WEBHOOK_SECRET"]
    for line in iter(sys.stdin.readline, ""):
        order = msgspec.json.decode(line, type=Order)
        prepared = requests.signed(order.event, secret, order.payment_ids(), int(time.time()))
        _print("ready")
        sys.stdin.readline()
        _print(msgspec.json.encode(uvloop.run(send(order, prepared))).decode())


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
