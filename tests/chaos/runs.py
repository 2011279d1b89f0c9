"""Defines the runs: each injects its faults, and all end with the same comparison."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import NamedTuple

from lea_demo.dynamodb_local import DynamoDBLocal
from tests.chaos.context import RunContext, RunResult
from tests.chaos.customers import ACTIVE_CUSTOMERS
from tests.chaos.faults import FAULTS, RotatingFaults
from tests.chaos.journeys import JOURNEYS, RECONCILED_JOURNEYS
from tests.chaos.system import SECRET
from tests.support.faulty_dynamodb import FaultyDynamoDB
from tests.support.secrets import signing_secret

KILLS = 8
"""The approximate number of kills in a run."""

DROPPED_COPIES = 0.55
"""The share of dropped deliveries. Each event has two copies, so 30 % of the events never arrive."""

ROTATION_SECONDS = 10
"""The minimum duration of the rotation run, because the webhook loads a changed file of secrets within 1 to 2 s."""

NEXT, LAST = signing_secret("next"), signing_secret("last")
ROTATION = (
    ("Stripe", (NEXT, SECRET)),
    ("webhook", (NEXT, SECRET)),
    ("Stripe", (NEXT,)),
    ("webhook", (NEXT,)),
    ("webhook", (LAST, NEXT)),
    ("Stripe", (LAST, NEXT)),
    ("Stripe", (LAST,)),
    ("webhook", (LAST,)),
)
"""Who changes to which secrets. In the first rotation Stripe begins, in the second the webhook begins."""

CLOCK_SECONDS, TOLERATED_SECONDS, SKEW_SECONDS = 600, 240, 30


async def webhook_killed(run: RunContext) -> RunResult:
    """Kills the webhook with SIGKILL while it works."""
    async with run.system() as system:
        system.start_emulator()
        system.start_webhook()
        customers = await run.customers(system)

        def kill_and_restart() -> None:
            system.kill_webhook()
            system.start_webhook()

        kills = 0
        for work in (customers.take_first_steps, customers.take_later_steps):
            kills += await run.act_during(system, work(), run.events // (2 * KILLS), kill_and_restart)
        run.notes.append(f"killed {kills} times")
        run.require(kills > 1, f"the webhook was killed only {kills} times: use more --events")
        return await run.result(system, customers, log_is_complete=False)


async def dynamodb_killed(run: RunContext) -> RunResult:
    """Kills DynamoDB Local with SIGKILL; the writes that it acknowledged are on its disk."""
    dynamodb = DynamoDBLocal(run.free_port(), run.folder.with_suffix(".data"))
    with dynamodb:
        return await _with_kills(run, dynamodb)


async def _with_kills(run: RunContext, dynamodb: DynamoDBLocal) -> RunResult:
    async with run.system(dynamodb.endpoint) as system:
        system.start_emulator()
        system.start_webhook()
        customers = await run.customers(system)

        def kill_and_restart() -> None:
            assert dynamodb._server is not None
            dynamodb._server.process.kill()
            dynamodb.stop()
            dynamodb.start()

        kills = 0
        for work in (customers.take_first_steps, customers.take_later_steps):
            kills += await run.act_during(system, work(), run.events // KILLS, kill_and_restart)
        run.notes.append(f"killed {kills} times; {system.outcomes()['unavailable']} deliveries were answered 503")
        run.require(kills > 1, f"DynamoDB was killed only {kills} times: use more --events")
        return await run.result(system, customers, log_is_complete=False)


async def dynamodb_faulty(run: RunContext) -> RunResult:
    """Slows, throttles and interrupts the calls to DynamoDB, and fails half of a batch."""
    with FaultyDynamoDB(run.dynamodb, run.free_port()) as proxy:
        return await _with_faults(run, proxy)


async def _with_faults(run: RunContext, proxy: FaultyDynamoDB) -> RunResult:
    async with run.system(proxy=proxy.endpoint) as system:
        system.start_emulator()
        customers = await run.customers(system)
        system.start_webhook()
        proxy.fault = faults = RotatingFaults(run.seed)
        await customers.take_first_steps()
        await system.settle()
        await customers.take_later_steps()
        result = await run.result(system, customers, log_is_complete=False)
        run.notes.append(f"{faults.counts.total()} calls, each fault at least {min(faults.counts.values())} times")
        run.require(len(faults.counts) == len(FAULTS), f"only {len(faults.counts)} of {len(FAULTS)} faults occurred")
        return result


async def events_lost(run: RunContext) -> RunResult:
    """Delays, duplicates and reorders events, loses 30 % of them, stops the webhook for a while, then reconciles."""
    async with run.system() as system:
        system.start_emulator(EMULATOR_RETRY_ATTEMPTS="4")
        system.start_webhook()
        customers = await run.customers(system, JOURNEYS + RECONCILED_JOURNEYS)
        reorder = {"hold": 20, "seed": run.seed, "release_after_seconds": 1}
        await system.set_faults(delay_seconds=0.3, duplicate=1, drop=DROPPED_COPIES, reorder=reorder, seed=run.seed)
        work = asyncio.ensure_future(customers.take_first_steps())
        await run.wait_for_answers(system, work, run.events // 8)
        await asyncio.to_thread(system.stop_webhook)
        await work
        work = asyncio.ensure_future(customers.take_later_steps())
        await asyncio.to_thread(system.start_webhook)
        await work
        await system.set_faults()
        lost = (await system.settle()).lost
        run.repaired = await asyncio.to_thread(system.reconcile)
        again = await asyncio.to_thread(system.reconcile)
        run.notes.append(f"{lost} deliveries lost")
        run.require(again == 0, f"a second run of the reconciler made {again} changes")
        return await run.result(system, customers)


async def two_reconcilers(run: RunContext) -> RunResult:
    """Loses 70 % of the events, and runs two reconcilers at the same time beside the webhook."""
    async with run.system() as system:
        system.start_emulator()
        system.start_webhook()
        customers = await run.customers(system, JOURNEYS + RECONCILED_JOURNEYS)
        await system.set_faults(drop=0.7, seed=run.seed)
        await customers.take_first_steps()
        both = asyncio.gather(asyncio.to_thread(system.reconcile), asyncio.to_thread(system.reconcile))
        await customers.take_later_steps()
        first, second = await both
        await system.settle()
        last = await asyncio.to_thread(system.reconcile)
        run.repaired = first + second + last
        again = await asyncio.to_thread(system.reconcile)
        run.notes.append(f"the two made {first} and {second} changes, a later one {last}")
        run.require(again == 0, f"one more run of the reconciler made {again} changes")
        return await run.result(system, customers)


async def secret_rotated(run: RunContext) -> RunResult:
    """Rotates the signing secret twice; no delivery may be rejected."""
    async with run.system() as system:
        file = run.folder / "secrets"
        file.write_text(SECRET)
        system.start_emulator()
        system.start_webhook(STRIPE_WEBHOOK_SECRET_FILE=str(file))
        customers = await run.customers(system)
        customers.pause_seconds = ROTATION_SECONDS * ACTIVE_CUSTOMERS / run.events
        work = asyncio.ensure_future(customers.take_first_steps())
        for who, secrets in ROTATION:
            await run.wait_for_answers(system, work)
            await (system.sign_with(*secrets) if who == "Stripe" else system.change_secrets(file, secrets))
        await work
        await system.settle()
        customers.pause_seconds = 0
        await customers.take_later_steps()
        result = await run.result(system, customers)
        used = system.metrics().series("payments_webhook_secret_used_total")
        rejected = system.outcomes()["invalid_signature"]
        run.notes.append(
            f"rotated twice; the previous secret verified {used['previous',]:.0f} deliveries, {rejected} were rejected"
        )
        run.require(rejected == 0, f"{rejected} deliveries with a valid signature were rejected")
        run.require(used["previous",] > 0, "no delivery was signed with the previous secret alone")
        return result


async def clock_wrong(run: RunContext) -> RunResult:
    """Sets the sender's clock 10 minutes ahead and behind: every delivery is rejected, and nothing is lost."""
    async with run.system() as system:
        system.start_emulator()
        system.start_webhook()
        customers = await run.customers(system)
        await system.set_faults(clock_seconds=CLOCK_SECONDS)
        await customers.take_first_steps()
        for ahead, reason in ((CLOCK_SECONDS, "in_future"), (-CLOCK_SECONDS, "too_old")):
            await system.set_faults(clock_seconds=ahead)
            await run.wait_for_rejections(system, reason)
            skew = system.metrics().value("payments_webhook_clock_skew_seconds") or 0
            run.notes.append(f"sender {ahead:+} s: skew metric {skew:+.0f}")
            run.require(abs(skew + ahead) < SKEW_SECONDS, f"the skew metric is {skew} s for a clock {ahead} s ahead")
        records = await asyncio.to_thread(system.records)
        changed = sum("history" in record for record in records.values())
        run.require(changed == 0, f"rejected deliveries changed {changed} records")
        await system.set_faults(clock_seconds=TOLERATED_SECONDS)
        await system.settle()
        await system.set_faults()
        await customers.take_later_steps()
        return await run.result(system, customers)


async def all_at_once(run: RunContext) -> RunResult:
    """Starts the webhook after all events have occurred, so that all deliveries arrive at the same time."""
    async with run.system() as system:
        system.start_emulator(EMULATOR_RETRY_BASE_SECONDS="60")
        customers = await run.customers(system)
        await customers.take_first_steps()
        waiting = (await system.deliveries()).waiting
        system.start_webhook()
        started = time.monotonic()
        await system.settle()
        seconds = time.monotonic() - started
        unavailable = system.outcomes()["unavailable"]
        run.notes.append(
            f"{waiting} at once, accepted within {seconds:.0f} s; {unavailable} were answered 503 and sent again"
        )
        await customers.take_later_steps()
        return await run.result(system, customers)


class Run(NamedTuple):
    """A run with its title in the table and its share of all events."""

    key: str
    title: str
    share: float
    execute: Callable[[RunContext], Coroutine[None, None, RunResult]]


RUNS = (
    Run("a", "webhook killed", 0.055, webhook_killed),
    Run("b", "DynamoDB killed", 0.055, dynamodb_killed),
    Run("c", "DynamoDB faulty", 0.055, dynamodb_faulty),
    Run("d", "30 % of events lost", 0.1, events_lost),
    Run("e", "secret rotated", 0.055, secret_rotated),
    Run("f", "clock 10 min wrong", 0.055, clock_wrong),
    Run("g", "all at once", 0.55, all_at_once),
    Run("h", "two reconcilers", 0.1, two_reconcilers),
)
