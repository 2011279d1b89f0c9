"""Hands requests to a direct route without a connection, and records its answers."""

import asyncio
from typing import NamedTuple

from lea_payments.serving.body import BodyIncompleteError, BodyTooLargeError
from lea_payments.serving.http.direct import DirectRoute, Exchange


class Answer(NamedTuple):
    """What the route has answered; `headers` are complete lines."""

    status: int
    body: bytes
    headers: bytes


class RecordedExchange(Exchange):
    """A request without a connection. `answers` has every answer, so that a test sees a second one."""

    __slots__ = ("_first", "answers")

    def __init__(self, route: DirectRoute, **headers: str) -> None:
        """`stripe_signature` becomes the header `stripe-signature`."""
        lines = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        super().__init__(route, self, lines, keep_alive=True, expects_continue=False)
        self._first: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.answers: list[Answer] = []

    def send(self, _: Exchange, status: int, body: bytes, headers: bytes) -> None:
        """Records an answer."""
        self.answers.append(Answer(status, body, headers))
        if not self._first.done():
            self._first.set_result(self.answers[0])

    def forget(self) -> None:
        """Records nothing: the client has left."""

    async def first_answer(self) -> Answer:
        """The first answer, as soon as there is one."""
        return await self._first


async def received(route: DirectRoute, body: bytes, **headers: str) -> RecordedExchange:
    """The exchange of a complete request, after its answer."""
    exchange = RecordedExchange(route, **headers)
    route.receive(exchange, body)
    await exchange.first_answer()
    return exchange


async def refused(route: DirectRoute, error: BodyTooLargeError | BodyIncompleteError) -> RecordedExchange:
    """The exchange of a request without a complete body, after its answer."""
    exchange = RecordedExchange(route)
    route.refuse(exchange, error)
    await exchange.first_answer()
    return exchange
