"""Tests deliveries without sockets and without waiting."""

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
from stripe_emulator.state.store import ObjectStore
from stripe_emulator.webhooks.deliverer import Deliverer, Sleep
from stripe_emulator.webhooks.sender import ReceiverUnreachableError

Json = dict[str, Any]
URL = "http://merchant.test/webhook"


@dataclass
class Post:
    """The network: records the requests, and answers from a list, then with 200."""

    answers: list[int | None] = field(default_factory=list)
    sent: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)

    async def send(self, url: str, headers: dict[str, str], body: bytes) -> int:
        self.sent.append((url, headers, body))
        answer = self.answers.pop(0) if self.answers else 200
        if answer is None:
            raise ReceiverUnreachableError("refused")
        return answer

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await asyncio.sleep(0)


@dataclass
class Setup:
    """An account whose events are delivered through a Post."""

    post: Post
    deliverer: Deliverer
    account: Account

    def emit(self, event_type: str = "product.created") -> Json:
        return self.account.emit(event_type, make("product"))

    async def settle(self) -> None:
        while self.deliverer._tasks:
            await asyncio.gather(*self.deliverer._tasks)

    def sent_types(self) -> list[str]:
        return [json.loads(body)["type"] for _, _, body in self.post.sent]


Build = Callable[..., Setup]


@pytest.fixture
def build() -> Build:
    def make_setup(
        *answers: int | None, secrets: tuple[str, ...] = ("whsec_a",), sleep: Sleep | None = None, **settings: Any
    ) -> Setup:
        post, store = Post(list(answers)), ObjectStore()
        chosen = Settings(**settings)
        deliverer = Deliverer(chosen, store, post.send, sleep or post.sleep)
        account = Account(chosen, deliverer.deliver, store=store)
        account.add_endpoint(URL, secrets, ["*"])
        return Setup(post, deliverer, account)

    return make_setup


async def test_a_delivery_is_signed_with_every_secret(build: Build) -> None:
    setup = build(secrets=("whsec_current", "whsec_previous"))
    event = setup.emit()
    await setup.settle()

    url, headers, body = setup.post.sent[0]
    assert url == URL
    for secret in ("whsec_current", "whsec_previous"):
        assert stripe.Webhook.construct_event(body, headers["Stripe-Signature"], secret).id == event["id"]


async def test_emitting_returns_before_anything_is_sent(build: Build) -> None:
    setup = build()
    setup.emit()

    assert setup.post.sent == []
    await setup.settle()


@pytest.mark.parametrize("failure", [199, 302, 400, 500, None])
async def test_any_answer_but_2xx_is_retried_with_the_same_body(build: Build, failure: int | None) -> None:
    setup = build(failure, failure, 204)
    setup.emit()
    await setup.settle()

    assert len({body for _, _, body in setup.post.sent}) == 1
    assert [row["status"] for row in setup.deliverer.attempt_log] == [failure, failure, 204]
    assert setup.deliverer.states["delivered"] == 1


async def test_pauses_double_up_to_a_minute(build: Build) -> None:
    setup = build(*[500] * 8, retry_base_seconds=1.0)
    setup.emit()
    await setup.settle()

    assert setup.post.pauses == [1, 2, 4, 8, 16, 32, 60, 60]


async def test_a_delivery_fails_after_its_last_attempt(build: Build) -> None:
    setup = build(*[500] * 9, retry_attempts=3)
    event = setup.emit()
    await setup.settle()

    assert len(setup.post.sent) == 3
    assert setup.deliverer.states["failed"] == 1
    assert event["pending_webhooks"] == 1


async def test_waiting_deliveries_can_be_retried_now(build: Build) -> None:
    setup = build(500, 500, sleep=lambda _seconds: asyncio.Event().wait())
    setup.emit()
    retried = []
    while setup.deliverer._tasks:
        retried.append(setup.deliverer.retry_now())
        await asyncio.sleep(0)

    assert sum(retried) == 2
    assert (setup.deliverer.attempts, setup.deliverer.states["delivered"]) == (3, 1)


@pytest.mark.parametrize("ahead", [600, -600])
async def test_the_signing_clock_can_be_wrong(build: Build, ahead: int) -> None:
    setup = build()
    setup.deliverer.set_faults(faults.read({"clock_seconds": ahead}))
    now = int(time.time())
    setup.emit()
    await setup.settle()

    _, headers, body = setup.post.sent[0]
    signed_at = int(headers["Stripe-Signature"].partition("t=")[2].partition(",")[0])
    assert now + ahead <= signed_at <= time.time() + ahead
    assert stripe.WebhookSignature.verify_header(body.decode(), headers["Stripe-Signature"], "whsec_a", None)


@pytest.mark.parametrize("seconds", [60, 86_400])
async def test_an_advance_does_not_move_the_signing_clock(build: Build, seconds: int) -> None:
    setup = build()
    setup.account.clock.advance(seconds)
    setup.emit()
    await setup.settle()

    _, headers, body = setup.post.sent[0]
    assert stripe.WebhookSignature.verify_header(body.decode(), headers["Stripe-Signature"], "whsec_a", None)
    signed_at = int(headers["Stripe-Signature"].partition("t=")[2].partition(",")[0])
    assert signed_at <= time.time()


async def test_a_deleted_endpoint_is_not_retried(build: Build) -> None:
    setup = build(500)
    setup.emit()
    endpoint = next(setup.account.store.oldest_first("webhook_endpoint"))
    setup.account.store.remove("webhook_endpoint", endpoint["id"])
    await setup.settle()

    assert len(setup.post.sent) == 1


async def test_an_endpoint_acknowledges_an_event_once(build: Build) -> None:
    setup = build()
    setup.account.add_endpoint("http://other.test", ("whsec_b",), ["*"])
    setup.deliverer.set_faults(faults.read({"duplicate": 2}))
    event = setup.emit()
    before = event["pending_webhooks"]
    await setup.settle()

    assert (before, event["pending_webhooks"]) == (2, 0)
    assert len(setup.post.sent) == 6


async def test_an_acknowledgement_ends_the_wait(build: Build) -> None:
    setup = build(500, 200)
    event = setup.emit()

    assert await setup.deliverer.acknowledged(event["id"], 5)
    assert event["pending_webhooks"] == 0


async def test_waiting_for_an_acknowledgement_can_time_out(build: Build) -> None:
    setup = build()
    setup.deliverer.set_faults(faults.read({"drop": True}))
    event = setup.emit()

    assert not await setup.deliverer.acknowledged(event["id"], 0)


async def test_without_an_endpoint_there_is_no_wait(build: Build) -> None:
    setup = build()
    setup.account.store.tables["webhook_endpoint"].clear()

    assert await setup.deliverer.acknowledged(setup.emit()["id"], 0)


async def test_a_dropped_event_is_not_sent_and_stays_pending(build: Build) -> None:
    setup = build()
    setup.deliverer.set_faults(faults.read({"per_type": {"charge.failed": {"drop": True}}}))
    dropped = setup.emit("charge.failed")
    setup.emit("charge.succeeded")
    await setup.settle()

    assert setup.sent_types() == ["charge.succeeded"]
    assert dropped["pending_webhooks"] == 1
    assert setup.deliverer.states["dropped"] == 1


async def test_a_delay_precedes_the_first_attempt(build: Build) -> None:
    setup = build()
    setup.deliverer.set_faults(faults.read({"delay_seconds": 7}))
    setup.emit()
    await setup.settle()

    assert setup.post.pauses == [7]


async def test_the_same_seed_gives_the_same_order(build: Build) -> None:
    orders = []
    for _ in range(2):
        setup = build()
        setup.deliverer.set_faults(faults.read({"reorder": {"hold": 6, "seed": 3}}))
        for number in range(6):
            setup.emit(f"type.{number}")
        await setup.settle()
        orders.append(setup.sent_types())

    assert orders[0] == orders[1]
    assert orders[0] != sorted(orders[0]) == [f"type.{number}" for number in range(6)]


async def test_held_events_are_sent_when_the_fault_ends(build: Build) -> None:
    setup = build()
    setup.deliverer.set_faults(faults.read({"reorder": {"hold": 3}}))
    setup.emit()
    before = (len(setup.post.sent), setup.deliverer.states["held"])
    setup.deliverer.set_faults(faults.read({}))
    await setup.settle()

    assert before == (0, 1)
    assert (len(setup.post.sent), setup.deliverer.states["held"]) == (1, 0)


async def test_held_events_are_sent_after_a_time(build: Build) -> None:
    setup = build()
    setup.deliverer.set_faults(faults.read({"reorder": {"hold": 9, "release_after_seconds": 4}}))
    setup.emit()
    await setup.settle()

    assert len(setup.post.sent) == 1
    assert setup.post.pauses == [4]


async def test_the_same_seed_drops_the_same_events(build: Build) -> None:
    drops = []
    for _ in range(2):
        setup = build()
        setup.deliverer.set_faults(faults.read({"drop": 0.5, "seed": 11}))
        for number in range(20):
            setup.emit(f"type.{number:02}")
        await setup.settle()
        drops.append(sorted(setup.sent_types()))

    assert drops[0] == drops[1]
    assert 0 < len(drops[0]) < 20


async def test_closing_cancels_all_deliveries(build: Build) -> None:
    setup = build()
    setup.emit()
    await setup.deliverer.close()

    assert not setup.deliverer._tasks
