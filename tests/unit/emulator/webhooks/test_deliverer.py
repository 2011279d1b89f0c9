"""Deliveries, with a sender and a clock of the test's own: no socket, no waiting."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import stripe

from stripe_emulator.faults import faults
from stripe_emulator.settings import Settings
from stripe_emulator.state.account import Account
from stripe_emulator.state.objects import make
from stripe_emulator.state.store import Store
from stripe_emulator.webhooks.deliverer import Deliverer, UnreachableError

Json = dict[str, Any]
URL = "http://merchant.test/webhook"


@dataclass
class Post:
    """The network: keeps what was sent, and answers from a list until it only says 200."""

    answers: list[int | None] = field(default_factory=list)
    sent: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)

    async def send(self, url: str, headers: dict[str, str], body: bytes) -> int:
        self.sent.append((url, headers, body))
        answer = self.answers.pop(0) if self.answers else 200
        if answer is None:
            raise UnreachableError("refused")
        return answer

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await asyncio.sleep(0)


@dataclass
class Setup:
    """A account whose events are delivered through a Post."""

    post: Post
    deliverer: Deliverer
    account: Account

    def emit(self, event_type: str = "product.created") -> Json:
        return self.account.emit(event_type, make("product"))

    async def settled(self) -> None:
        while self.deliverer._tasks:
            await asyncio.gather(*self.deliverer._tasks)

    def sent_types(self) -> list[str]:
        return [json.loads(body)["type"] for _, _, body in self.post.sent]


Build = Callable[..., Setup]


@pytest.fixture
def build() -> Build:
    def make_setup(*answers: int | None, secrets: tuple[str, ...] = ("whsec_a",), **settings: Any) -> Setup:
        post, store = Post(list(answers)), Store()
        chosen = Settings(**settings)
        deliverer = Deliverer(chosen, store, post.send, post.sleep)
        account = Account(chosen, deliverer.deliver, store=store)
        account.listen(URL, secrets, ["*"])
        return Setup(post, deliverer, account)

    return make_setup


async def test_a_delivery_is_signed_with_every_secret(build: Build) -> None:
    setup = build(secrets=("whsec_current", "whsec_previous"))
    event = setup.emit()
    await setup.settled()

    url, headers, body = setup.post.sent[0]
    assert url == URL
    for secret in ("whsec_current", "whsec_previous"):
        assert stripe.Webhook.construct_event(body, headers["Stripe-Signature"], secret).id == event["id"]


async def test_emitting_returns_before_anything_is_sent(build: Build) -> None:
    setup = build()
    setup.emit()

    assert setup.post.sent == []
    await setup.settled()


@pytest.mark.parametrize("failure", [199, 302, 400, 500, None])
async def test_anything_but_2xx_is_tried_again_with_the_same_body(build: Build, failure: int | None) -> None:
    setup = build(failure, failure, 204)
    setup.emit()
    await setup.settled()

    assert len({body for _, _, body in setup.post.sent}) == 1
    assert [row["status"] for row in setup.deliverer.log] == [failure, failure, 204]
    assert setup.deliverer.states["delivered"] == 1


async def test_pauses_double_up_to_a_minute(build: Build) -> None:
    setup = build(*[500] * 8, retry_base_seconds=1.0)
    setup.emit()
    await setup.settled()

    assert setup.post.pauses == [1, 2, 4, 8, 16, 32, 60, 60]


async def test_it_gives_up_after_so_many_attempts(build: Build) -> None:
    setup = build(*[500] * 9, retry_attempts=3)
    event = setup.emit()
    await setup.settled()

    assert len(setup.post.sent) == 3
    assert setup.deliverer.states["failed"] == 1
    assert event["pending_webhooks"] == 1


async def test_what_waits_for_its_next_attempt_can_be_hurried(build: Build) -> None:
    setup = build(500, 500)
    setup.deliverer._sleep = lambda _seconds: asyncio.Event().wait()
    setup.emit()
    hurried = []
    while setup.deliverer._tasks:
        hurried.append(setup.deliverer.hurry())
        await asyncio.sleep(0)

    assert sum(hurried) == 2
    assert (setup.deliverer.attempts, setup.deliverer.states["delivered"]) == (3, 1)


@pytest.mark.parametrize("ahead", [600, -600])
async def test_a_clock_may_be_wrong_when_signing(build: Build, ahead: int) -> None:
    setup = build()
    setup.deliverer.set_faults(faults.read({"clock_seconds": ahead}))
    now = int(time.time())
    setup.emit()
    await setup.settled()

    _, headers, body = setup.post.sent[0]
    signed_at = int(headers["Stripe-Signature"].partition("t=")[2].partition(",")[0])
    assert now + ahead <= signed_at <= time.time() + ahead
    assert stripe.WebhookSignature.verify_header(body.decode(), headers["Stripe-Signature"], "whsec_a", None)


async def test_a_removed_endpoint_is_not_tried_again(build: Build) -> None:
    setup = build(500)
    setup.emit()
    endpoint = next(setup.account.store.oldest_first("webhook_endpoint"))
    setup.account.store.remove("webhook_endpoint", endpoint["id"])
    await setup.settled()

    assert len(setup.post.sent) == 1


async def test_success_counts_an_endpoint_off_once(build: Build) -> None:
    setup = build()
    setup.account.listen("http://other.test", ("whsec_b",), ["*"])
    setup.deliverer.set_faults(faults.read({"duplicate": 2}))
    event = setup.emit()
    before = event["pending_webhooks"]
    await setup.settled()

    assert (before, event["pending_webhooks"]) == (2, 0)
    assert len(setup.post.sent) == 6


async def test_an_acknowledgement_can_be_waited_for(build: Build) -> None:
    setup = build(500, 200)
    event = setup.emit()

    assert await setup.deliverer.acknowledged(event["id"], 5)
    assert event["pending_webhooks"] == 0


async def test_waiting_ends_without_an_acknowledgement(build: Build) -> None:
    setup = build()
    setup.deliverer.set_faults(faults.read({"drop": True}))
    event = setup.emit()

    assert not await setup.deliverer.acknowledged(event["id"], 0)


async def test_nobody_to_wait_for_is_no_wait(build: Build) -> None:
    setup = build()
    setup.account.store.tables["webhook_endpoint"].clear()

    assert await setup.deliverer.acknowledged(setup.emit()["id"], 0)


async def test_a_dropped_event_is_never_sent_but_still_undelivered(build: Build) -> None:
    setup = build()
    setup.deliverer.set_faults(faults.read({"per_type": {"charge.failed": {"drop": True}}}))
    dropped = setup.emit("charge.failed")
    setup.emit("charge.succeeded")
    await setup.settled()

    assert setup.sent_types() == ["charge.succeeded"]
    assert dropped["pending_webhooks"] == 1
    assert setup.deliverer.states["dropped"] == 1


async def test_a_delay_comes_before_the_first_attempt(build: Build) -> None:
    setup = build()
    setup.deliverer.set_faults(faults.read({"delay_seconds": 7}))
    setup.emit()
    await setup.settled()

    assert setup.post.pauses == [7]


async def test_reordering_is_the_same_for_the_same_seed(build: Build) -> None:
    orders = []
    for _ in range(2):
        setup = build()
        setup.deliverer.set_faults(faults.read({"reorder": {"hold": 6, "seed": 3}}))
        for number in range(6):
            setup.emit(f"type.{number}")
        await setup.settled()
        orders.append(setup.sent_types())

    assert orders[0] == orders[1]
    assert orders[0] != sorted(orders[0]) == [f"type.{number}" for number in range(6)]


async def test_held_events_go_out_when_the_fault_ends(build: Build) -> None:
    setup = build()
    setup.deliverer.set_faults(faults.read({"reorder": {"hold": 3}}))
    setup.emit()
    held = (len(setup.post.sent), setup.deliverer.states["held"])
    setup.deliverer.set_faults(faults.read({}))
    await setup.settled()

    assert held == (0, 1)
    assert (len(setup.post.sent), setup.deliverer.states["held"]) == (1, 0)


async def test_held_events_go_out_after_their_time(build: Build) -> None:
    setup = build()
    setup.deliverer.set_faults(faults.read({"reorder": {"hold": 9, "release_after_seconds": 4}}))
    setup.emit()
    await setup.settled()

    assert len(setup.post.sent) == 1
    assert setup.post.pauses == [4]


async def test_chance_is_the_same_for_the_same_seed(build: Build) -> None:
    drops = []
    for _ in range(2):
        setup = build()
        setup.deliverer.set_faults(faults.read({"drop": 0.5, "seed": 11}))
        for number in range(20):
            setup.emit(f"type.{number:02}")
        await setup.settled()
        drops.append(sorted(setup.sent_types()))

    assert drops[0] == drops[1]
    assert 0 < len(drops[0]) < 20


async def test_closing_leaves_nothing_running(build: Build) -> None:
    setup = build()
    setup.emit()
    await setup.deliverer.close()

    assert not setup.deliverer._tasks
