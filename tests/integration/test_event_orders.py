"""Sends the events of every scenario in any order to the webhook over HTTP, mixed with facts from lists."""

import json
import random
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import pytest_asyncio

from lea_payments.payment.event import PaymentEvent
from lea_payments.settings import TableSettings
from lea_payments.store.payments import PaymentStore
from tests.support import plain_http, stripe_bodies, tables
from tests.support.examples import examples
from tests.support.records import Records
from tests.support.scenario import Scenario
from tests.support.scenarios import (
    AFTER_PAYMENT,
    SCENARIOS,
    expected_fields,
    listed_events,
    order_independent_fields,
    payment_events,
)
from tests.support.stripe_bodies import SECRET
from tests.support.webhook_delivery import Delivery

ORDERS = examples(1, 3, "ORDERS")
"""The number of orders that each scenario is tried in."""


@pytest.fixture(scope="module")
def webhook(start_service: Callable[..., str]) -> Iterator[httpx.Client]:
    with plain_http.client(start_service("webhook", STRIPE_WEBHOOK_SECRET=SECRET)) as client:
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def store(table_settings: TableSettings) -> AsyncIterator[PaymentStore]:
    """Yield one store for all scenarios, because to open one takes longer than a scenario."""
    async with PaymentStore(
        table_settings, deadline_seconds=tables.WAIT_SECONDS, call_seconds=tables.WAIT_SECONDS
    ) as store:
        yield store


Step = bytes | PaymentEvent
"""A delivery, or a fact from a list that the reconciler applies."""


def _steps(scenario: Scenario, payment_id: str) -> list[Step]:
    return [*scenario.events(payment_id), *listed_events(scenario, payment_id)]


async def _run(webhook: httpx.Client, store: PaymentStore, steps: Iterable[Step]) -> None:
    for step in steps:
        if isinstance(step, PaymentEvent):
            await store.apply(step)
        else:
            assert Delivery.of(step).to(webhook).status == 200


def _with_copies(steps: Sequence[Step], seed: int) -> list[Step]:
    """The steps in another order, each up to three times."""
    generator = random.Random(seed)
    copies = [step for step in steps for _ in range(generator.randint(1, 3))]
    generator.shuffle(copies)
    return copies


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
async def test_any_order_gives_the_same_record(
    webhook: httpx.Client, store: PaymentStore, records: Records, scenario: Scenario
) -> None:
    for seed in range(ORDERS):
        payment_id = records.put(**scenario.before)
        before = records.get(payment_id)
        expected = expected_fields(before, scenario)
        if not payment_events(scenario, payment_id):
            expected = order_independent_fields(before)

        await _run(webhook, store, _with_copies(_steps(scenario, payment_id), seed))

        assert order_independent_fields(records.get(payment_id)) == expected


def _of_intent(scenario: Scenario, intent: str) -> Scenario:
    """The scenario with this PaymentIntent, by which its events find their payment."""

    def renamed(text: str) -> str:
        return text.replace('"pi_a"', f'"{intent}"')

    return Scenario(
        events=lambda payment_id: [renamed(body.decode()).encode() for body in scenario.events(payment_id)],
        final_fields=json.loads(renamed(json.dumps(scenario.final_fields))),
        objects=lambda payment_id: [
            listed._replace(fields=json.loads(renamed(json.dumps(listed.fields))))
            for listed in scenario.objects(payment_id)
        ],
    )


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("scenario", AFTER_PAYMENT.values(), ids=AFTER_PAYMENT.keys())
async def test_an_event_with_only_a_payment_intent_is_applied(
    webhook: httpx.Client, store: PaymentStore, records: Records, scenario: Scenario
) -> None:
    for seed in range(ORDERS):
        payment_id = records.put()
        renamed = _of_intent(scenario, f"pi_of_{payment_id}")
        Delivery.of(stripe_bodies.completed(payment_id, payment_intent=f"pi_of_{payment_id}")).to(webhook)

        await _run(webhook, store, _with_copies(_steps(renamed, payment_id), seed))

        payment = records.get(payment_id)
        assert {name: getattr(payment, name) for name in renamed.final_fields} == renamed.final_fields


def test_concurrent_events_give_the_record_of_any_order(webhook: httpx.Client, records: Records) -> None:
    mixed = [SCENARIOS[name] for name in ("decline then expiry", "delayed method failed", "partial then full refund")]
    scenario = Scenario(
        lambda payment_id: [body for each in mixed for body in each.events(payment_id)], mixed[-1].final_fields
    )
    payment_id = records.put()
    before = records.get(payment_id)

    with ThreadPoolExecutor(8) as senders:
        list(senders.map(lambda body: Delivery.of(body).to(webhook), [*scenario.events(payment_id)] * 3))

    assert order_independent_fields(records.get(payment_id)) == expected_fields(before, scenario)
