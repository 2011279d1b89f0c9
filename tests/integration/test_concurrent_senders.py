"""Sends different events of one payment from 16 senders to two webhooks at once: each is applied exactly once."""

import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from lea_payments.payment import changes
from lea_payments.payment.event import CHANGES, Outcome, PaymentEvent
from lea_payments.payment.record import Payment
from lea_payments.store.payments import PaymentStore
from lea_payments.stripe import events as stripe_events
from tests.support import stripe_bodies
from tests.support.examples import examples
from tests.support.plain_http import NO_CERTIFICATES
from tests.support.records import Records
from tests.support.scenarios import order_independent_fields
from tests.support.stripe_bodies import SECRET
from tests.support.webhook_delivery import Delivery

RUNS = examples(6, 150, "CONCURRENT_RUNS")
"""A run takes about a third of a second: set CONCURRENT_RUNS for thousands of them."""

SENDERS = 16


@pytest.fixture(scope="module")
def senders(start_service: Callable[..., str]) -> Iterator[Sequence[httpx.Client]]:
    """Yield the connections of the senders: every other one leads to the other webhook."""
    urls = [start_service("webhook", STRIPE_WEBHOOK_SECRET=SECRET) for _ in range(2)]
    clients = [
        httpx.Client(base_url=urls[number % 2], timeout=30, trust_env=False, verify=NO_CERTIFICATES)
        for number in range(SENDERS)
    ]
    yield clients
    for client in clients:
        client.close()


def _bodies(payment_id: str) -> list[bytes]:
    """Events of all kinds: several objects, several states of one object, and events that lead to a review."""
    metadata: dict[str, Any] = {"metadata": {"payment_intent_id": payment_id}}
    return [
        stripe_bodies.completed(payment_id),
        stripe_bodies.completed(payment_id, id="cs_test_b", payment_intent="pi_b"),
        stripe_bodies.completed(payment_id, id="cs_test_c", payment_intent="pi_c", amount_total=1),
        stripe_bodies.awaiting(payment_id, id="cs_test_d", payment_intent="pi_d"),
        stripe_bodies.async_failed(payment_id, id="cs_test_d", payment_intent="pi_d"),
        stripe_bodies.expired(payment_id, id="cs_test_e"),
        stripe_bodies.declined(payment_id, "lost_card"),
        stripe_bodies.declined(payment_id, "expired_card"),
        stripe_bodies.refunded(payment_id, 100),
        stripe_bodies.refunded(payment_id, 300),
        stripe_bodies.refund("refund.created", 300, "pending", **metadata),
        stripe_bodies.refund("refund.updated", 300, "succeeded", **metadata),
        stripe_bodies.refund("refund.failed", 300, "failed", **metadata),
        stripe_bodies.refund("refund.created", 200, "succeeded", "pi_b", id="re_b", **metadata),
        stripe_bodies.dispute("created", "needs_response", **metadata),
        stripe_bodies.dispute("closed", "won", **metadata),
    ]


def _deliver(sender: httpx.Client, delivery: Delivery) -> list[str]:
    """The outcomes of the delivery, which is sent again while the answer is 503, as Stripe does."""
    outcomes = []
    while True:
        answer = delivery.to(sender)
        outcomes.append(answer.outcome)
        if answer.status != httpx.codes.SERVICE_UNAVAILABLE:
            assert answer.status == httpx.codes.OK
            return outcomes


def _in_sequence(before: Payment, bodies: Sequence[bytes]) -> Payment:
    for body in bodies:
        event = stripe_events.translate(body, livemode=False)
        assert isinstance(event, PaymentEvent)
        before = changes.apply(before, event, "t").after or before
    return before


@pytest.mark.parametrize("origin", ["by checkout", "by hand"])
async def test_concurrent_senders_apply_each_event_once(
    senders: Sequence[httpx.Client], records: Records, store: PaymentStore, origin: str
) -> None:
    generator = random.Random(0)
    with ThreadPoolExecutor(SENDERS) as threads:
        for _ in range(RUNS // 2):
            payment_id = records.put() if origin == "by hand" else await _created(store, records)
            before = records.get(payment_id)
            bodies = _bodies(payment_id)
            assert len(bodies) == SENDERS
            generator.shuffle(bodies)
            deliveries = [Delivery.of(body) for body in bodies]

            outcomes = list(threads.map(_deliver, senders, deliveries))

            after = records.get(payment_id)
            history = [entry.event_id for entry in after.history]
            applied = [one.event_id for one, said in zip(deliveries, outcomes, strict=True) if {*said} & {*CHANGES}]
            unanswered = [one.event_id for one, said in zip(deliveries, outcomes, strict=True) if len(said) > 1]
            assert len({*history}) == len(history)
            assert {*applied} <= {*history} <= {*applied, *unanswered}
            assert after.version == (before.version or 0) + len(history)
            assert {said[-1] for said in outcomes} <= {*CHANGES, Outcome.STALE, Outcome.DUPLICATE}
            assert order_independent_fields(after) == order_independent_fields(_in_sequence(before, bodies))


async def _created(store: PaymentStore, records: Records) -> str:
    """A payment as checkout leaves it."""
    new = records.get(records.put())
    payment = await store.change_checkout(
        new, checkout_attempt=1, checkout_attempt_at="2026-01-01T00:00:00.000Z", checkout_locale="en"
    )
    return payment.payment_intent_id
