"""Shares a few connections among calls, and ends each call in time.

All calls have the same time limit, so the first one that began is the first one whose time is over: one timer for the
oldest call is enough, and it is set about once a second instead of once per call.
"""

import asyncio
import math
from collections import deque
from collections.abc import Callable

import msgspec
from botocore.exceptions import BotoCoreError, ClientError, ConnectionClosedError, ReadTimeoutError

from lea_payments.store.batch.connection import Connection, Response
from lea_payments.store.batch.opening import Opener
from lea_payments.store.connection import CONNECTIONS, TRY_SECONDS

KEEP_SECONDS = 15.0
"""How long an idle connection is kept. Firewalls and load balancers forget one without a word, after minutes."""

_ACCURACY_SECONDS = 0.001
"""The loop's timers are that exact."""

_REUSABLE = (200, 400)
"""The statuses with which DynamoDB responds to a call. Another one can come from a gateway that did not wait for the
call, such as 408: then the response to the call would be taken for that to the next one."""

Result = Response | BotoCoreError | ClientError


class Exchange(msgspec.Struct, eq=False):
    """One request and its response. `done` is called once."""

    done: Callable[[Result], None]
    request: bytes = b""
    deadline: float = 0.0
    connection: Connection | None = None
    opening: asyncio.Task[None] | None = None


class Connections:
    """The connections of one event loop, and the exchanges on them.

    The connection that was used last is used next. After a failure all idle connections are closed, because they can be
    dead, too; those in use are not used again. One timer serves all exchanges and all idle connections.
    """

    def __init__(self, opener: Opener, url: str) -> None:
        self._opener, self._url = opener, url
        self._loop = asyncio.get_running_loop()
        self._exchanges: dict[Exchange, None] = {}
        self._waiting: deque[Exchange] = deque()
        self._idle: list[Connection] = []
        self._used: dict[Connection, Exchange] = {}
        self._openings: set[asyncio.Task[None]] = set()
        self._generation = self._count = 0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = math.inf
        self._is_closed = False

    def begin(self, exchange: Exchange) -> None:
        """Starts the time of an exchange."""
        exchange.deadline = deadline = self._loop.time() + TRY_SECONDS
        self._exchanges[exchange] = None
        if deadline < self._timer_at:
            self._set_timer(deadline)

    def end(self, exchange: Exchange, result: Result) -> None:
        """Calls back, unless the exchange has ended before."""
        if exchange not in self._exchanges:
            return
        del self._exchanges[exchange]
        try:
            exchange.done(result)
        except Exception as error:  # noqa: BLE001 - a fault of one caller must not end the calls of the others
            self._loop.call_exception_handler({"message": "a callback of the batch call failed", "exception": error})

    def send(self, exchange: Exchange) -> None:
        """Sends the request on a connection as soon as there is one."""
        if exchange not in self._exchanges:
            return
        idle = self._idle
        while idle:
            connection = idle.pop()
            if connection.is_usable:
                self._use(connection, exchange)
                return
            self._count -= 1
        if self._is_closed:
            self._loop.call_soon(self.end, exchange, ConnectionClosedError(endpoint_url=self._url))
        elif self._count < CONNECTIONS:
            self._open(exchange)
        else:
            self._waiting.append(exchange)

    def answered(self, connection: Connection, response: Response, *, is_reusable: bool) -> None:
        """Ends the exchange, after the connection is free for the next one."""
        exchange = self._used.pop(connection)
        if response.status >= 500:
            self._renew(connection.generation)  # another connection can reach another of DynamoDB's hosts
        if connection.generation != self._generation:
            connection.abort()
        elif is_reusable and response.status in _REUSABLE:
            self._release(connection)
        else:
            connection.abort()
            self._count -= 1
            self._serve_waiting()
        self.end(exchange, response)

    def failed(self, connection: Connection, error: BotoCoreError | None) -> None:
        """Ends the exchange with the error. An idle connection that ends concerns nobody."""
        exchange = self._used.pop(connection, None)
        if exchange is not None and error is not None:
            self._renew(connection.generation)
            self.end(exchange, error)
        elif connection in self._idle:
            self._idle.remove(connection)
            self._count -= 1

    async def close(self) -> None:
        """Closes all connections. The exchanges that have not ended fail."""
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        for opening in self._openings:
            opening.cancel()
        for connection in [*self._idle, *self._used]:
            connection.abort()
        self._idle.clear()
        self._used.clear()
        self._waiting.clear()
        for exchange in [*self._exchanges]:
            self.end(exchange, ConnectionClosedError(endpoint_url=self._url))
        await asyncio.gather(*self._openings, return_exceptions=True)
        await asyncio.sleep(0)  # the transports close in the next turn of the loop

    def _use(self, connection: Connection, exchange: Exchange) -> None:
        self._used[connection] = exchange
        exchange.connection = connection
        connection.send(exchange.request)

    def _release(self, connection: Connection) -> None:
        while self._waiting:
            exchange = self._waiting.popleft()
            if exchange in self._exchanges:
                self._use(connection, exchange)
                return
        connection.used_until = self._loop.time() + KEEP_SECONDS
        self._idle.append(connection)

    def _serve_waiting(self) -> None:
        while self._waiting and self._count < CONNECTIONS:
            self.send(self._waiting.popleft())

    def _renew(self, generation: int) -> None:
        """Gives up the connections of a generation, unless that has happened before."""
        if generation != self._generation:
            return
        self._generation += 1
        self._count = 0
        for connection in self._idle:
            connection.abort()
        self._idle.clear()
        self._serve_waiting()

    def _open(self, exchange: Exchange) -> None:
        self._count += 1
        exchange.opening = opening = self._loop.create_task(self._open_for(exchange, self._generation))
        self._openings.add(opening)
        opening.add_done_callback(self._openings.discard)

    async def _open_for(self, exchange: Exchange, generation: int) -> None:
        try:
            connection = await self._opener.open(lambda: Connection(self, self._url))
        except BotoCoreError as error:
            self._renew(generation)
            self.end(exchange, error)
            return
        except BaseException:  # the exchange was not answered in time, or the loop ends
            self._renew(generation)
            raise
        exchange.opening = None
        connection.generation = generation
        if exchange in self._exchanges:
            self._use(connection, exchange)
        else:
            connection.abort()

    def _set_timer(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at, self._timer = at, self._loop.call_at(at, self._check)

    def _check(self) -> None:
        """Ends the exchanges whose time is over, and closes the connections that were idle for too long."""
        self._timer, self._timer_at = None, math.inf
        now = self._loop.time() + _ACCURACY_SECONDS
        for exchange in [*self._exchanges]:  # in the order of their deadlines
            if exchange.deadline > now:
                break
            self._expire(exchange)
        while self._idle and self._idle[0].used_until <= now:
            self._idle.pop(0).abort()
            self._count -= 1
        times = [exchange.deadline for exchange in self._exchanges][:1] + [each.used_until for each in self._idle[:1]]
        if times and min(times) < self._timer_at:
            self._set_timer(min(times))

    def _expire(self, exchange: Exchange) -> None:
        error = ReadTimeoutError(endpoint_url=self._url, error=TimeoutError())
        connection = exchange.connection
        if exchange.opening is not None:
            exchange.opening.cancel()
        elif connection is not None and self._used.pop(connection, None) is exchange:
            connection.abort()
            self._renew(connection.generation)
        self.end(exchange, error)
