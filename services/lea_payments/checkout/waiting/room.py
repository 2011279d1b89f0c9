"""Lets calls wait for a change of a payment, within a limit, and ends them when nobody needs the answer."""

import asyncio
from typing import Protocol

from starlette.requests import ClientDisconnect, Request

from lea_payments.checkout.errors import RefusalError
from lea_payments.checkout.waiting.waiter import Waiter
from lea_payments.checkout.waiting.watcher import ManyReader, Watcher
from lea_payments.payment.record import Payment
from lea_payments.serving.draining import connections_of
from lea_payments.store.errors import UnavailableError
from lea_payments.telemetry.services import checkout as telemetry

WAITING_LIMIT = 1000
"""How many calls wait at the same time. Each occupies a connection of the process."""

OTHER_CONNECTIONS = 300
"""The connections that probes and other calls keep, also if a limit of open files leaves the process few."""

RETRY_SECONDS = 2


class RecordReader(ManyReader, Protocol):
    """Reads payments from the table, also one alone."""

    async def get(self, payment_id: str, /) -> Payment | None:
        """The payment, or None if there is none. Raises UnavailableError."""


class WaitingRoom:
    """The calls that wait in this process."""

    def __init__(self, store: RecordReader, limit: int = WAITING_LIMIT, watcher: Watcher | None = None) -> None:
        self._store = store
        self._limit = limit
        self._watcher = watcher or Watcher(store)
        self._count = 0
        self._is_closed = False

    async def wait(self, request: Request, payment_id: str, after: int | None, seconds: float) -> Payment | None:
        """The payment when it changes, or as it is after some seconds; None if it does not exist.

        Raises RefusalError if too many calls wait, UnavailableError if the state is not known at the end, and
        ClientDisconnect if the caller has left.
        """
        limit = self._limit
        connections = connections_of(request.scope)
        if connections is not None:
            connections.when_draining(self.close)
            limit = min(limit, connections.limit - OTHER_CONNECTIONS)
        if self._is_closed:
            return await self._store.get(payment_id)
        if self._count >= limit:
            raise RefusalError(
                "too_many_waiting",
                f"{self._count} calls wait here already; repeat the call after Retry-After, or read without wait.",
                retry_after=RETRY_SECONDS,
            )
        waiter = Waiter(payment_id, after)
        self._count_changes(1)
        try:
            with self._watcher.watching(waiter):
                await _ended(request, waiter, seconds)
        finally:
            self._count_changes(-1)
        if waiter.record is None and not waiter.has_changed and self._is_closed:
            return await self._store.get(payment_id)
        if not waiter.is_current(asyncio.get_running_loop().time()):
            raise UnavailableError("the payment could not be read while the call waited")
        return waiter.record

    def changed(self, payment_id: str) -> None:
        """This process has changed a payment: the calls that wait for it need not wait for the next round."""
        self._watcher.look_again(payment_id)

    def close(self) -> None:
        """Ends all calls that wait, because the service stops: each is answered with the state as it is."""
        self._is_closed = True
        for waiter in self._watcher.waiters():
            waiter.end()

    def _count_changes(self, by: int) -> None:
        self._count += by
        telemetry.calls_wait(self._count)


async def _ended(request: Request, waiter: Waiter, seconds: float) -> None:
    """Returns when the waiter has ended or its time is over. Raises ClientDisconnect if its caller leaves before."""
    left = asyncio.create_task(_disconnect(request))
    try:
        await asyncio.wait((waiter.ended, left), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if left.done() and not waiter.ended.done():
            raise ClientDisconnect
    finally:
        left.cancel()


async def _disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        continue
