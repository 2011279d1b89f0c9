"""The runs: what goes wrong in each, and what it must not lead to; the comparison at the end is the same for all."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import NamedTuple

from lea_demo.dynamodb_local import DynamoDBLocal
from tests.chaos.load import BARE_STORIES, CUSTOMERS, STORIES
from tests.chaos.scene import Scene, Verdict
from tests.chaos.stage import SECRET
from tests.chaos.weather import TURNS, Weather
from tests.support.faulty_dynamodb import FaultyDynamoDB

LIVES = 8
"""Into so many parts, or more, the kills cut a run."""

DROPPED_COPIES = 0.55
"""Each event has two copies, so three in ten never arrive."""

ROTATION_SECONDS = 10
"""The load lasts that long at least, since a changed file of secrets counts after a second or two."""

ROTATION = (
    ("Stripe", ("whsec_next", SECRET)),
    ("webhook", ("whsec_next", SECRET)),
    ("Stripe", ("whsec_next",)),
    ("webhook", ("whsec_next",)),
    ("webhook", ("whsec_last", "whsec_next")),
    ("Stripe", ("whsec_last", "whsec_next")),
    ("Stripe", ("whsec_last",)),
    ("webhook", ("whsec_last",)),
)
"""Who changes to which secrets: once Stripe begins, with two signatures, and once we do."""

CLOCK_SECONDS, TOLERATED_SECONDS, SKEW_SECONDS = 600, 240, 30


async def webhook_killed(scene: Scene) -> Verdict:
    """SIGKILL for the webhook, again and again, in the middle of its work."""
    async with scene.on_stage() as stage:
        stage.start_emulator()
        stage.start_webhook()
        load = await scene.load(stage)

        def kill_and_restart() -> None:
            stage.kill_webhook()
            stage.start_webhook()

        kills = 0
        for work in (load.sell, load.follow_up):
            kills += await scene.amid(stage, work(), scene.events // (2 * LIVES), kill_and_restart)
        scene.notes.append(f"killed {kills} times")
        scene.must(kills > 1, f"the webhook was killed {kills} times only: give the run more events")
        return await scene.verdict(stage, load, all_heard=False)


async def dynamodb_killed(scene: Scene) -> Verdict:
    """SIGKILL for DynamoDB Local; what it had acknowledged is on its disk."""
    dynamodb = DynamoDBLocal(scene.free_port(), scene.folder.with_suffix(".data"))
    with dynamodb:
        return await _under_kills(scene, dynamodb)


async def _under_kills(scene: Scene, dynamodb: DynamoDBLocal) -> Verdict:
    async with scene.on_stage(dynamodb.endpoint) as stage:
        stage.start_emulator()
        stage.start_webhook()
        load = await scene.load(stage)

        def kill_and_restart() -> None:
            assert dynamodb._server is not None
            dynamodb._server.process.kill()
            dynamodb.stop()
            dynamodb.start()

        kills = 0
        for work in (load.sell, load.follow_up):
            kills += await scene.amid(stage, work(), scene.events // LIVES, kill_and_restart)
        scene.notes.append(f"killed {kills} times; {stage.told()['unavailable']} deliveries were answered 503")
        scene.must(kills > 1, f"DynamoDB was killed {kills} times only: give the run more events")
        return await scene.verdict(stage, load, all_heard=False)


async def dynamodb_unwell(scene: Scene) -> Verdict:
    """Slow, throttled, broken off, and batches of which half is refused."""
    with FaultyDynamoDB(scene.dynamodb, scene.free_port()) as proxy:
        return await _in_bad_weather(scene, proxy)


async def _in_bad_weather(scene: Scene, proxy: FaultyDynamoDB) -> Verdict:
    async with scene.on_stage(seen_at=proxy.endpoint) as stage:
        stage.start_emulator()
        load = await scene.load(stage)
        stage.start_webhook()
        proxy.fault = weather = Weather()
        await load.sell()
        await stage.settled()
        await load.follow_up()
        verdict = await scene.verdict(stage, load, all_heard=False)
        scene.notes.append(f"{sum(weather.met.values())} calls, each fault {min(weather.met.values())} times at least")
        scene.must(len(weather.met) == len(TURNS), f"only {len(weather.met)} of {len(TURNS)} faults were met")
        return verdict


async def events_lost(scene: Scene) -> Verdict:
    """Events late, doubled and shuffled, a third of them lost for good, the webhook away; then the reconciler."""
    async with scene.on_stage() as stage:
        stage.start_emulator(EMULATOR_RETRY_ATTEMPTS="4")
        stage.start_webhook()
        load = await scene.load(stage, STORIES + BARE_STORIES)
        shuffled = {"hold": 20, "seed": scene.seed, "release_after_seconds": 1}
        await stage.set_faults(delay_seconds=0.3, duplicate=1, drop=DROPPED_COPIES, reorder=shuffled, seed=scene.seed)
        acting = asyncio.ensure_future(load.sell())
        await scene.more_answers(stage, acting, scene.events // 8)
        await asyncio.to_thread(stage.stop_webhook)
        await acting
        acting = asyncio.ensure_future(load.follow_up())
        await asyncio.to_thread(stage.start_webhook)
        await acting
        await stage.set_faults()
        gone = (await stage.settled()).gone
        scene.repaired = await asyncio.to_thread(stage.reconcile)
        again = await asyncio.to_thread(stage.reconcile)
        scene.notes.append(f"{gone} deliveries lost for good")
        scene.must(again == 0, f"a second run of the reconciler made {again} changes")
        return await scene.verdict(stage, load)


async def two_reconcilers(scene: Scene) -> Verdict:
    """Most events are lost, and two reconcilers repair at the same time, beside a webhook that still gets some."""
    async with scene.on_stage() as stage:
        stage.start_emulator()
        stage.start_webhook()
        load = await scene.load(stage, STORIES + BARE_STORIES)
        await stage.set_faults(drop=0.7, seed=scene.seed)
        await load.sell()
        both = asyncio.gather(asyncio.to_thread(stage.reconcile), asyncio.to_thread(stage.reconcile))
        await load.follow_up()
        first, second = await both
        await stage.settled()
        last = await asyncio.to_thread(stage.reconcile)
        scene.repaired = first + second + last
        again = await asyncio.to_thread(stage.reconcile)
        scene.notes.append(f"the two made {first} and {second} changes, a later one {last}")
        scene.must(again == 0, f"one more run of the reconciler made {again} changes")
        return await scene.verdict(stage, load)


async def secret_rotated(scene: Scene) -> Verdict:
    """Stripe signs with two secrets for a while, then with the new one; not one delivery is refused."""
    async with scene.on_stage() as stage:
        file = scene.folder / "secrets"
        file.write_text(SECRET)
        stage.start_emulator()
        stage.start_webhook(STRIPE_WEBHOOK_SECRET_FILE=str(file))
        load = await scene.load(stage)
        load.pause_seconds = ROTATION_SECONDS * CUSTOMERS / scene.events
        selling = asyncio.ensure_future(load.sell())
        for who, secrets in ROTATION:
            await scene.more_answers(stage, selling)
            await (stage.sign_with(*secrets) if who == "Stripe" else stage.change_secrets(file, secrets))
        await selling
        load.pause_seconds = 0
        await load.follow_up()
        verdict = await scene.verdict(stage, load)
        used = stage.metrics().series("payments_webhook_secret_used_total")
        refused = stage.told()["invalid_signature"]
        scene.notes.append(f"rotated twice; the previous secret held {used['previous',]:.0f} times, {refused} refused")
        scene.must(refused == 0, f"{refused} deliveries were refused although one of their signatures held")
        scene.must(used["previous",] > 0, "no delivery was signed with the previous secret alone")
        return verdict


async def clock_wrong(scene: Scene) -> Verdict:
    """The two clocks are 10 minutes apart, one way and the other: all is refused, and nothing is lost by it."""
    async with scene.on_stage() as stage:
        stage.start_emulator()
        stage.start_webhook()
        load = await scene.load(stage)
        await stage.set_faults(clock_seconds=CLOCK_SECONDS)
        await load.sell()
        for ahead, reason in ((CLOCK_SECONDS, "in_future"), (-CLOCK_SECONDS, "too_old")):
            await stage.set_faults(clock_seconds=ahead)
            await scene.refused(stage, reason)
            skew = stage.metrics().value("payments_webhook_clock_skew_seconds") or 0
            scene.notes.append(f"sender {ahead:+} s: skew metric {skew:+.0f}")
            scene.must(abs(skew + ahead) < SKEW_SECONDS, f"the skew metric shows {skew} s for a clock {ahead} s ahead")
        records = await asyncio.to_thread(stage.records)
        scene.must(not any("history" in each for each in records.values()), "a refused delivery changed a record")
        await stage.set_faults(clock_seconds=TOLERATED_SECONDS)
        await stage.settled()
        await stage.set_faults()
        await load.follow_up()
        return await scene.verdict(stage, load)


async def all_at_once(scene: Scene) -> Verdict:
    """Nobody listens; then everything that Stripe has kept for us arrives in one moment."""
    async with scene.on_stage() as stage:
        stage.start_emulator(EMULATOR_RETRY_BASE_SECONDS="60")
        load = await scene.load(stage)
        await load.sell()
        kept = (await stage.sent()).waiting
        stage.start_webhook()
        started = time.monotonic()
        await stage.settled()
        seconds = time.monotonic() - started
        busy = stage.told()["unavailable"]
        scene.notes.append(f"{kept} at once, taken in {seconds:.0f} s; {busy} were told 503 and came again")
        await load.follow_up()
        return await scene.verdict(stage, load)


class Run(NamedTuple):
    """A run, its name in the table, and its share of all events."""

    key: str
    title: str
    share: float
    play: Callable[[Scene], Coroutine[None, None, Verdict]]


RUNS = (
    Run("a", "webhook killed", 0.055, webhook_killed),
    Run("b", "DynamoDB killed", 0.055, dynamodb_killed),
    Run("c", "DynamoDB unwell", 0.055, dynamodb_unwell),
    Run("d", "30 % lost for good", 0.055, events_lost),
    Run("e", "secret rotated", 0.055, secret_rotated),
    Run("f", "clock 10 min off", 0.055, clock_wrong),
    Run("g", "all at once", 0.64, all_at_once),
    Run("h", "two reconcilers", 0.055, two_reconcilers),
)
