"""What all runs have in common: a stage, a load on it, things that happen amid it, and the verdict at the end."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tests.chaos.compare import Finding, applied, compare
from tests.chaos.load import STORIES, Load, Story
from tests.chaos.stage import STALLED_SECONDS, Stage, Stalled

POLL_SECONDS = 0.05


class Verdict(NamedTuple):
    """How a run ended; `problems` are what must not be, beside the findings."""

    events: int
    sent: int
    answered: int
    applied: int
    duplicates: int
    stale: int
    repaired: int
    findings: Sequence[Finding]
    problems: Sequence[str]
    notes: Sequence[str]

    def numbers(self) -> tuple[int, ...]:
        """The row of the table."""
        told = (self.events, self.sent, self.answered, self.applied, self.duplicates, self.stale, self.repaired)
        return (*told, self.lost, self.wrong)

    @property
    def failed(self) -> bool:
        """Whether anything is not as it must be."""
        return bool(self.findings or self.problems)

    @property
    def lost(self) -> int:
        """Payments of which Stripe knows more than the table."""
        return sum(finding.kind == "lost" for finding in self.findings)

    @property
    def wrong(self) -> int:
        """Payments with a record that Stripe's objects do not bear out, or with an event applied twice."""
        return len(self.findings) - self.lost


@dataclass
class Scene:
    """One run under way."""

    folder: Path
    free_port: Callable[[], int]
    dynamodb: str
    events: int
    seed: int
    repaired: int = 0
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def on_stage(self, dynamodb: str | None = None, seen_at: str | None = None) -> AsyncIterator[Stage]:
        """The processes of this run, all ended at the end."""
        with Stage(self.folder, self.free_port, dynamodb or self.dynamodb, seen_at) as stage:
            try:
                yield stage
            finally:
                await stage.stripe.aclose()

    async def load(self, stage: Stage, stories: Sequence[Story] = STORIES) -> Load:
        """Payments that wait for their customers, each with its record."""
        load = Load(stage.stripe, self.seed)
        await load.prepare(self.events, stories)
        await asyncio.to_thread(stage.put, [payment.record for payment in load.payments])
        return load

    async def verdict(self, stage: Stage, load: Load, *, all_heard: bool = True) -> Verdict:
        """The table beside the truth, once every delivery has come to its end.

        `all_heard` means that no process was killed and no answer lost: then each change in the table is one that the
        webhook or the reconciler has told of, once.
        """
        sent = await stage.settled()
        stripe, records, told = await stage.truth(), await asyncio.to_thread(stage.records), stage.told()
        if told["error"]:
            self.problems.append(f"the webhook answered 500 {told['error']} times: see {self.folder}")
        changes, claimed = applied(records), told["applied"] + told["review"] + self.repaired
        self.must(not all_heard or changes == claimed, f"the histories hold {changes} changes, {claimed} were told of")
        return Verdict(
            events=len(stripe.event_ids),
            sent=sent.attempts,
            answered=sent.answered,
            applied=changes - self.repaired,
            duplicates=told["duplicate"],
            stale=told["stale"],
            repaired=self.repaired,
            findings=compare(load.asked, stripe, records),
            problems=self.problems,
            notes=self.notes,
        )

    def must(self, holds: bool, otherwise: str) -> None:  # noqa: FBT001 - it reads as a sentence
        """What this run shows beside the table."""
        if not holds:
            self.problems.append(otherwise)

    async def amid(self, stage: Stage, work: Awaitable[None], answers: int, act: Callable[[], None]) -> int:
        """Does `act` each time that so many more deliveries have their 2xx, until the work and they are done.

        Gives how often. Progress decides, not the clock: a slow machine sees the same.
        """
        task = asyncio.ensure_future(work)
        count, before, since = 0, (await stage.sent()).answered, time.monotonic()
        while not task.done() or (await stage.sent()).waiting:
            await stage.retry_now()
            await asyncio.sleep(POLL_SECONDS)
            now = (await stage.sent()).answered
            if now - before >= answers:
                await asyncio.to_thread(act)
                count, before, since = count + 1, now, time.monotonic()
            if time.monotonic() - since > STALLED_SECONDS:
                raise Stalled(f"no {answers} more deliveries got their 2xx in {STALLED_SECONDS} s")
        await task
        return count

    async def more_answers(self, stage: Stage, work: "asyncio.Future[None]", count: int = 10) -> None:
        """Waits until so many more deliveries have their 2xx, or the work is done."""
        before = now = (await stage.sent()).answered
        while not work.done() and now < before + count:
            await asyncio.sleep(POLL_SECONDS)
            now = (await stage.sent()).answered

    async def refused(self, stage: Stage, reason: str) -> None:
        """Waits until all that is under way has been refused for this reason, and nothing taken."""
        waiting = (await stage.sent()).waiting
        while (await asyncio.to_thread(stage.refusals, reason)) < waiting:
            await stage.retry_now()
            await asyncio.sleep(POLL_SECONDS)
        self.must((await stage.sent()).answered == 0, f"a delivery was taken that had to be refused: {reason}")
