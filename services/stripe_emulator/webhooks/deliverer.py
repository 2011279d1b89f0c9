"""Delivers events to webhook endpoints, with retries and with faults on request."""

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from stripe_emulator.faults.faults import Faults, Reorder
from stripe_emulator.reference.shapes import Json
from stripe_emulator.settings import Settings
from stripe_emulator.state.store import ObjectStore
from stripe_emulator.webhooks import signature
from stripe_emulator.webhooks.sender import ReceiverUnreachableError, Send

Sleep = Callable[[float], Awaitable[object]]
State = Literal["held", "waiting", "delivered", "failed", "dropped"]
MAX_PAUSE = 60.0
MAX_LOGGED_ATTEMPTS = 20_000
OK = range(200, 300)


@dataclass
class Delivery:
    """The delivery of one event to one endpoint."""

    event: Json
    endpoint: Json
    copy: int = 0
    state: State = "waiting"
    attempts: int = 0
    first_attempt: asyncio.Event = field(default_factory=asyncio.Event)


class Deliverer:
    """Runs all deliveries of one emulator in the background."""

    def __init__(self, settings: Settings, store: ObjectStore, send: Send, sleep: Sleep = asyncio.sleep) -> None:
        self.faults = Faults()
        self.attempt_log: deque[Json] = deque(maxlen=MAX_LOGGED_ATTEMPTS)
        self.states: dict[State, int] = dict.fromkeys(("held", "waiting", "delivered", "failed", "dropped"), 0)
        self.attempts = 0
        self._settings, self._store, self._send, self._sleep = settings, store, send, sleep
        self._random = random.Random()  # decides about faults, not about security
        self._held: list[Delivery] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._pauses: set[asyncio.Future[None]] = set()
        self._waiting: dict[str, asyncio.Event] = {}
        self._delivered: set[tuple[str, str]] = set()

    def deliver(self, event: Json, endpoints: Sequence[Json]) -> None:
        """Start the delivery of an event to these endpoints, subject to the faults."""
        faults = self.faults.of(event["type"])
        for endpoint in endpoints:
            for number in range(1 + faults.duplicate):
                delivery = Delivery(event, endpoint, copy=number)
                self.states["waiting"] += 1
                if self._random.random() < faults.drop:
                    self._move(delivery, "dropped")
                    self._record(delivery, status=None, error="dropped by a fault", seconds=0.0)
                elif self.faults.reorder:
                    self._hold(delivery, self.faults.reorder)
                else:
                    self._start(self._deliver(delivery, faults.delay_seconds))

    async def acknowledged(self, event_id: str, seconds: float) -> bool:
        """Wait until an endpoint has answered 2xx to this event, and return whether it did in time."""
        if self._store.get("event", event_id)["pending_webhooks"] == 0:
            return True
        waiting = self._waiting.setdefault(event_id, asyncio.Event())
        try:
            async with asyncio.timeout(seconds):
                return await waiting.wait()
        except TimeoutError:
            return False

    def set_faults(self, faults: Faults) -> None:
        """Replace the faults, after the release of all held deliveries."""
        self.release()
        self.faults = faults
        if faults.seed is not None:
            self._random.seed(faults.seed)

    def release(self) -> None:
        """Send the held deliveries in random order, one after the other."""
        held, self._held = self._held, []
        if held:
            order = random.Random(self.faults.reorder.seed if self.faults.reorder else 0)  # as above
            order.shuffle(held)
            self._start(self._deliver_in_turn(held))

    def retry_now(self) -> int:
        """Retry all deliveries that wait for their next attempt, and return how many that are."""
        pauses, self._pauses = self._pauses, set()
        for skipped in pauses:
            skipped.set_result(None)
        return len(pauses)

    async def close(self) -> None:
        """Cancel all deliveries."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _hold(self, delivery: Delivery, rule: Reorder) -> None:
        self._move(delivery, "held")
        self._held.append(delivery)
        if len(self._held) >= rule.hold:
            self.release()
        elif rule.release_after_seconds is not None and len(self._held) == 1:
            self._start(self._release_later(rule.release_after_seconds))

    async def _release_later(self, seconds: float) -> None:
        await self._sleep(seconds)
        self.release()

    async def _deliver_in_turn(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            self._move(delivery, "waiting")
            self._start(self._deliver(delivery, self.faults.of(delivery.event["type"]).delay_seconds))
            await delivery.first_attempt.wait()

    async def _deliver(self, delivery: Delivery, delay: float) -> None:
        if delay:
            await self._sleep(delay)
        pause = self._settings.retry_base_seconds
        while not await self._attempt(delivery):
            if delivery.attempts >= self._settings.retry_attempts or not self._is_enabled(delivery.endpoint):
                self._move(delivery, "failed")
                return
            await self._pause(min(pause, MAX_PAUSE))
            pause *= 2
        self._move(delivery, "delivered")
        self._acknowledge(delivery)

    async def _pause(self, seconds: float) -> None:
        skipped = asyncio.get_running_loop().create_future()
        sleeping = asyncio.ensure_future(self._sleep(seconds))
        self._pauses.add(skipped)
        try:
            await asyncio.wait((sleeping, skipped), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._pauses.discard(skipped)
            sleeping.cancel()

    async def _attempt(self, delivery: Delivery) -> bool:
        delivery.attempts += 1
        self.attempts += 1
        body = self._store.bodies[delivery.event["id"]]
        secrets = self._store.secrets.get(delivery.endpoint["id"], ())
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Stripe-Signature": signature.header(body, secrets, int(time.time()) + self.faults.clock_seconds),
        }
        started, status, error = time.perf_counter(), None, None
        try:
            status = await self._send(delivery.endpoint["url"], headers, body)
        except ReceiverUnreachableError as reason:
            error = str(reason)
        self._record(delivery, status=status, error=error, seconds=time.perf_counter() - started)
        delivery.first_attempt.set()
        return status in OK

    def _is_enabled(self, endpoint: Json) -> bool:
        return endpoint["id"] in self._store.tables["webhook_endpoint"] and endpoint["status"] == "enabled"

    def _acknowledge(self, delivery: Delivery) -> None:
        pair = (delivery.event["id"], delivery.endpoint["id"])
        if pair not in self._delivered:
            self._delivered.add(pair)
            delivery.event["pending_webhooks"] = max(0, delivery.event["pending_webhooks"] - 1)
        if waiting := self._waiting.pop(delivery.event["id"], None):
            waiting.set()

    def _move(self, delivery: Delivery, state: State) -> None:
        self.states[delivery.state] -= 1
        self.states[state] += 1
        delivery.state = state

    def _record(self, delivery: Delivery, *, status: int | None, error: str | None, seconds: float) -> None:
        event, endpoint = delivery.event, delivery.endpoint
        self.attempt_log.append(
            {"event": event["id"], "type": event["type"], "object": event["data"]["object"].get("id")}
            | {"endpoint": endpoint["id"], "url": endpoint["url"], "copy": delivery.copy}
            | {"attempt": delivery.attempts, "at": time.time(), "status": status, "error": error}
            | {"delivered": status in OK, "milliseconds": round(seconds * 1000, 3)}
        )

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
