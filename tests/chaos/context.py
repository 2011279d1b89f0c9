"""Provides what all runs need: the system, the customers, waits for progress, and the result."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import httpx

from lea_payments.stripe.events import EVENT_TYPES
from tests.chaos.compare import Mismatch, applied, compare
from tests.chaos.customers import Customers
from tests.chaos.journeys import JOURNEYS, Journey
from tests.chaos.system import STALLED_SECONDS, StalledError, System
from tests.chaos.truth import Json, StripeObjects

POLL_SECONDS = 0.05


class RunResult(NamedTuple):
    """The result of a run; it fails with any mismatch or problem."""

    events: int
    sent: int
    answered: int
    applied: int
    duplicates: int
    stale: int
    ignored: int
    repaired: int
    mismatches: Sequence[Mismatch]
    problems: Sequence[str]
    notes: Sequence[str]

    def numbers(self) -> tuple[int, ...]:
        """The numbers in the run's row of the table."""
        counts = (self.events, self.sent, self.answered, self.applied, self.duplicates, self.stale, self.repaired)
        return (*counts, self.lost, self.wrong)

    @property
    def failed(self) -> bool:
        """Whether there is a mismatch or a problem."""
        return bool(self.mismatches or self.problems)

    @property
    def lost(self) -> int:
        """The number of payments whose record is behind Stripe."""
        return sum(mismatch.kind == "lost" for mismatch in self.mismatches)

    @property
    def wrong(self) -> int:
        """The number of other mismatches: a state that Stripe's objects contradict, or an event applied twice."""
        return len(self.mismatches) - self.lost


@dataclass
class RunContext:
    """A run in progress: its parameters, and the notes and problems so far."""

    folder: Path
    free_port: Callable[[], int]
    dynamodb: str
    events: int
    seed: int
    repaired: int = 0
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def system(self, dynamodb: str | None = None, proxy: str | None = None) -> AsyncIterator[System]:
        """The processes of this run, which are stopped at the end of the block."""
        with System(self.folder, self.free_port, dynamodb or self.dynamodb, proxy) as system:
            try:
                yield system
            finally:
                await system.stripe.aclose()

    async def customers(self, system: System, journeys: Sequence[Journey] = JOURNEYS) -> Customers:
        """Customers with their sessions and records, who have not acted yet."""
        customers = Customers(system.stripe, self.seed)
        await customers.prepare(self.events, journeys)
        await asyncio.to_thread(system.put, [payment.record for payment in customers.payments])
        return customers

    async def result(self, system: System, customers: Customers, *, log_is_complete: bool = True) -> RunResult:
        """Waits for all deliveries and compares the table with Stripe's objects.

        `log_is_complete` means that no process was killed and no answer lost: then each change in the table was
        reported exactly once, by the webhook or by the reconciler.
        """
        deliveries = await system.settle()
        stripe, records = await stripe_objects(system.stripe), await asyncio.to_thread(system.records)
        outcomes = system.outcomes()
        if outcomes["error"]:
            self.problems.append(f"the webhook answered 500 {outcomes['error']} times: see {self.folder}")
        changes, reported = applied(records), outcomes["applied"] + outcomes["review"] + self.repaired
        # A write without a response in time can have been done: the next try then reports a duplicate.
        unanswered = outcomes["unavailable"] + system.reconciler_retries()
        self.require(
            not log_is_complete or 0 <= changes - reported <= unanswered,
            f"the histories contain {changes} changes, but {reported} were reported",
        )
        return RunResult(
            events=len({event["id"] for event in stripe.events} | customers.emulator.foreign_events),
            sent=deliveries.attempts,
            answered=deliveries.answered,
            applied=changes - self.repaired + outcomes["detail"],
            duplicates=outcomes["duplicate"],
            stale=outcomes["stale"],
            ignored=outcomes["ignored"] + outcomes["wrong_mode"],
            repaired=self.repaired,
            mismatches=compare(customers.requests, stripe, records),
            problems=self.problems,
            notes=self.notes,
        )

    def require(self, condition: bool, problem: str) -> None:
        """Adds the problem unless the condition is true."""
        if not condition:
            self.problems.append(problem)

    async def act_during(self, system: System, work: Awaitable[None], answers: int, act: Callable[[], None]) -> int:
        """Calls `act` after every `answers` deliveries with a 2xx, until the work and all deliveries are done.

        Returns the number of calls. It depends on progress, not on time, so it is the same on a slow machine.
        """
        task = asyncio.ensure_future(work)
        count, before, since = 0, (await system.deliveries()).answered, time.monotonic()
        while not task.done() or (await system.deliveries()).waiting:
            await system.retry_now()
            await asyncio.sleep(POLL_SECONDS)
            now = (await system.deliveries()).answered
            if now - before >= answers:
                await asyncio.to_thread(act)
                count, before, since = count + 1, now, time.monotonic()
            if time.monotonic() - since > STALLED_SECONDS:
                raise StalledError(f"fewer than {answers} deliveries got a 2xx within {STALLED_SECONDS} s")
        await task
        return count

    async def wait_for_answers(self, system: System, work: "asyncio.Future[None]", count: int = 10) -> None:
        """Waits until `count` more deliveries have a 2xx, or the work is done."""
        before = now = (await system.deliveries()).answered
        while not work.done() and now < before + count:
            await asyncio.sleep(POLL_SECONDS)
            now = (await system.deliveries()).answered

    async def wait_for_rejections(self, system: System, reason: str) -> None:
        """Waits until every waiting delivery was rejected for this reason, and checks that none was accepted."""
        waiting = (await system.deliveries()).waiting
        while (await asyncio.to_thread(system.rejections, reason)) < waiting:
            await system.retry_now()
            await asyncio.sleep(POLL_SECONDS)
        accepted = (await system.deliveries()).answered
        self.require(accepted == 0, f"{accepted} deliveries were accepted instead of rejected: {reason}")


async def stripe_objects(stripe: httpx.AsyncClient) -> StripeObjects:
    """All objects of the emulator's account, read through Stripe's API."""
    used = {f"types[{index}]": name for index, name in enumerate(EVENT_TYPES)}
    return StripeObjects(
        sessions=await _all(stripe, "checkout/sessions"),
        intents=await _all(stripe, "payment_intents"),
        charges=await _all(stripe, "charges"),
        refunds=await _all(stripe, "refunds"),
        disputes=await _all(stripe, "disputes"),
        warnings=await _all(stripe, "radar/early_fraud_warnings"),
        events=await _all(stripe, "events", **used),
    )


async def _all(stripe: httpx.AsyncClient, kind: str, **params: str) -> list[Json]:
    objects: list[Json] = []
    more = True
    while more:
        after = {"starting_after": objects[-1]["id"]} if objects else {}
        page = (await stripe.get(f"/v1/{kind}", params={"limit": "100", **params, **after})).json()
        objects += page["data"]
        more = page["has_more"]
    return objects[::-1]
