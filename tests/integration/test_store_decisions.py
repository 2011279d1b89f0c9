"""Checks that what the store writes is what the pure functions decide."""

import asyncio
import itertools
import random
from typing import NamedTuple
from uuid import uuid4

import stamina
from msgspec.structs import astuple, replace

from lea_payments.payment import changes
from lea_payments.payment.event import Outcome, PaymentEvent
from lea_payments.payment.facts import is_detail
from lea_payments.payment.record import HISTORY_LIMIT, HistoryEntry, Payment
from lea_payments.store.errors import UnavailableError
from lea_payments.store.items import attributes_of, payment_of
from lea_payments.store.payments import PaymentStore
from tests.support.examples import examples
from tests.support.records import Records
from tests.support.scenarios import AFTER_PAYMENT, SCENARIOS, order_independent_fields, payment_events, record

PAIRS = examples(100, 800, "PAIRS")
"""The number of pairs of a state and an event that are tried, of some ten thousand."""


def _every_event(payment_id: str = "payment_1") -> list[PaymentEvent]:
    scenarios = [*SCENARIOS.values(), *AFTER_PAYMENT.values()]
    distinct = {}
    for event in (event for scenario in scenarios for event in payment_events(scenario, payment_id)):
        distinct[replace(event, id="", created=0)] = replace(event, payment_ids=(payment_id,))
    return list(distinct.values())


def _every_state(payment_id: str = "payment_1") -> list[Payment]:
    """Every record after at most one event, one with a full history, and one that waits for a new session."""
    by_hand = Payment(payment_intent_id=payment_id, amount=4999, currency="SGD", created_at="2026-01-01")
    entry = HistoryEntry("e", "t", "applied", "pending", "pending", "t", None)
    full = replace(record(payment_id), history=(entry,) * HISTORY_LIMIT)
    first = record(payment_id)
    waiting = replace(first, stripe_session_id=None, other_session_id=first.stripe_session_id, checkout_attempt=2)
    states = [first, by_hand, full, waiting]
    events = [replace(event, id=f"{event.id}_before") for event in _every_event(payment_id)]
    states += [_pure(before, event).after for before, event in itertools.product([first, by_hand], events)]
    distinct = {
        str(order_independent_fields(state)) + str(len(state.history) >= HISTORY_LIMIT): state for state in states
    }
    return list(distinct.values())


class Decision(NamedTuple):
    """The result of the pure functions for an event."""

    outcome: Outcome
    after: Payment


def _pure(before: Payment, event: PaymentEvent, at: str | None = "2026-01-01T00:00:00.000Z") -> Decision:
    applied = changes.apply(before, event, at or "")
    assert applied.after is not None
    return Decision(applied.outcome, applied.after)


async def test_the_table_agrees_with_the_pure_decision(store: PaymentStore, records: Records) -> None:
    """Tries pairs of a state and an event. A pair that timed out on a busy machine is tried with another payment.

    The first payment cannot serve again: its write can still be under way.
    """

    @stamina.retry(on=UnavailableError, attempts=5)
    async def agree(state: Payment, event: PaymentEvent) -> None:
        payment_id = f"payment_agree_{uuid4().hex}"
        item = attributes_of(replace(state, payment_intent_id=payment_id))
        await asyncio.to_thread(records.put_item, item)

        applied = await store.apply(event := replace(event, payment_ids=(payment_id,)))

        after = await store.get(payment_id)
        assert after is not None
        expected = _pure(payment_of(item), event, after.updated_at)
        assert (applied.outcome, order_independent_fields(after)) == (
            expected.outcome,
            order_independent_fields(expected.after),
        ), (state, event)
        assert [astuple(entry)[:5] for entry in after.history] == [
            astuple(entry)[:5] for entry in expected.after.history
        ]

    every_pair = list(itertools.product(_every_state(), _every_event()))
    pairs = random.Random(0).sample(every_pair, PAIRS)
    for start in range(0, len(pairs), 20):
        await asyncio.gather(*[agree(*pair) for pair in pairs[start : start + 20]])


async def test_concurrent_events_end_as_consecutive_ones_would(store: PaymentStore) -> None:
    events = _every_event("payment_mix")[: HISTORY_LIMIT - 1]
    pure = await store.create(record("payment_mix"))
    for event in events:
        pure = _pure(pure, event).after
    for start in range(0, len(events), 8):
        await asyncio.gather(*[store.apply(event) for event in events[start : start + 8]])

    after = await store.get("payment_mix")

    assert after is not None
    assert order_independent_fields(after) == order_independent_fields(pure)
    details = sum(is_detail(event.fact) for event in events)  # they are written without an entry
    assert after.version == 1 + len(after.history) + details
