"""Checks that an item stays small: 1 KB for an ordinary payment, and far below DynamoDB's limit in a flood."""

import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from lea_payments.payment.event import Outcome, PaymentEvent
from lea_payments.payment.facts import OBJECT_LIMIT, OVERFLOW_ID
from lea_payments.payment.record import HISTORY_LIMIT, HistoryEntry, Payment, Status
from lea_payments.settings import TableSettings
from lea_payments.store import table
from lea_payments.store.items import Item, attributes_of, item_of_entry
from lea_payments.store.payments import PaymentStore
from lea_payments.stripe import events as stripe_events
from lea_payments.stripe.events import EVENT_TYPES
from lea_payments.telemetry import events as business_events
from lea_payments.telemetry import metrics
from lea_payments.telemetry.applying import NO_TRACE
from tests.support import stripe_bodies, tables
from tests.support.dynamodb_faults import Meter
from tests.support.examples import examples
from tests.support.faulty_dynamodb import FaultyDynamoDB
from tests.support.item_sizes import attribute_size, size_of
from tests.support.scenarios import record

DYNAMODB_LIMIT = 400 * 1024
WRITE_UNIT = 1024
"""The bytes of one write unit (developer guide, "DynamoDB read and write operations")."""

EVENTS = examples(100, 2_000)
BOUND = 100 * 1024
WIDE = "\N{MATHEMATICAL DOUBLE-STRUCK CAPITAL X}"
"""A character of four bytes, the most that UTF-8 has."""

ID = WIDE * 255
LONGEST_ENTRY = HistoryEntry(
    ID,
    max(EVENT_TYPES, key=len),
    max(Outcome, key=len),
    max(Status, key=len),
    max(Status, key=len),
    "2026-01-01T00:00:00.000Z",
    "f" * 32,
)


def test_a_full_history_is_a_sixth_of_dynamodbs_limit() -> None:
    entry = 1 + attribute_size(item_of_entry(LONGEST_ENTRY))

    assert HISTORY_LIMIT * entry < DYNAMODB_LIMIT / 6


def _event(event_type: str, resource: dict[str, Any]) -> PaymentEvent:
    event = stripe_events.translate(stripe_bodies.event(event_type, resource), livemode=False)
    assert isinstance(event, PaymentEvent)
    return event


def _flood(payment_id: str, letter: str = "x") -> Iterator[PaymentEvent]:
    """Events about different sessions, refunds and disputes of one payment, with ids as long as Stripe's longest."""
    metadata = {"payment_intent_id": payment_id}
    for number in itertools.count():
        suffix = f"{number:05}".ljust(60, letter)
        intent = f"pi_{suffix}"
        yield _event("checkout.session.expired", stripe_bodies.session(payment_id, id=f"cs_{suffix}"))
        for status in ("pending", "failed"):
            refund = {"id": f"re_{status}{suffix}", "object": "refund", "amount": 5, "status": status}
            yield _event("refund.updated", refund | {"payment_intent": intent, "metadata": metadata})
        dispute = {"id": f"du_{suffix}", "object": "dispute", "status": "needs_response", "payment_intent": intent}
        yield _event("charge.dispute.created", dispute | {"amount": 5, "metadata": metadata})


def _item(settings: TableSettings, payment_id: str) -> Item:
    client = tables.client(settings)
    response = client.get_item(TableName=settings.table, Key={table.KEY: {"S": payment_id}}, ConsistentRead=True)
    client.close()
    return response["Item"]


async def test_a_flood_of_objects_leaves_a_small_item(store: PaymentStore, table_settings: TableSettings) -> None:
    wide = dict.fromkeys(("user_id", "quote_id", "product_name"), WIDE * 256)
    await store.create(replace(record("payment_flood"), **wide, traceparent=f"00-{'a' * 32}-{'b' * 16}-01"))
    paid = _event("checkout.session.completed", stripe_bodies.session("payment_flood"))
    flood = list(itertools.islice(_flood("payment_flood"), EVENTS))
    counted = metrics.REVIEWS.labels("too_many_objects")._value  # the client has no public way to read a counter
    before = counted.get()
    for event in (*flood[:100], paid, *flood[100:]):
        applied = await store.apply(event)
        business_events.payment_changed(applied.outcome, event, applied.before, applied.after, NO_TRACE)

    after = await store.get("payment_flood")
    assert after is not None
    assert (after.payment_status, after.status_reason) == (Status.COMPLETED, "too_many_objects")
    assert after.stripe_session_id == "cs_test_a"
    assert len(after.facts.keys() - {OVERFLOW_ID}) == OBJECT_LIMIT
    assert len(after.history) == HISTORY_LIMIT
    assert size_of(_item(table_settings, "payment_flood")) < BOUND
    assert counted.get() == before + 1
    assert {(await store.apply(event)).outcome for event in (paid, *flood[:20])} <= {Outcome.DUPLICATE, Outcome.STALE}


async def test_a_flood_in_any_order_keeps_the_same_objects(store: PaymentStore) -> None:
    """The importance of an object decides, not its time."""
    kept = []
    for payment_id, step in (("payment_forward", 1), ("payment_backward", -1)):
        await store.create(record(payment_id))
        for event in list(itertools.islice(_flood(payment_id), 120))[::step]:
            await store.apply(event)
        after = await store.get(payment_id)
        assert after is not None
        kept.append(after.facts)

    assert kept[0] == kept[1]


async def test_an_item_with_the_longest_ids_is_within_the_bound(store: PaymentStore) -> None:
    """Stripe's ids have at most 255 characters; one of four bytes each is the worst that a sender can do."""
    sizes = []
    await store.create(record("payment_long"))
    for number in range(HISTORY_LIMIT + 5):
        refund = {"id": f"{number:03}{WIDE * 252}", "object": "refund", "amount": 5, "status": "pending"}
        metadata = {"payment_intent_id": "payment_long"}
        event = _event("refund.updated", refund | {"payment_intent": f"pi_{WIDE * 252}", "metadata": metadata})
        applied = await store.apply(replace(event, id=f"{number:03}{WIDE * 252}"))
        assert applied.after is not None
        sizes.append(size_of(attributes_of(applied.after)))

    assert max(sizes) < DYNAMODB_LIMIT / 2


ORDINARY_SESSION = "cs_live_" + "a" * 58
ORDINARY_LINK = f"https://checkout.stripe.com/c/pay/{ORDINARY_SESSION}#{'f' * 320}"
"""Stripe's link: most of it is an encrypted fragment, without which the pay page does not open."""

ORDINARY_INTENT = "pi_" + "3" * 24
ORDINARY = Payment(
    payment_intent_id="payment_" + "a" * 32,
    user_id="user_" + "b" * 32,
    quote_id="quote_" + "c" * 32,
    amount=128000,
    currency="sgd",
    product_name="Travel insurance, Japan, 10 days",
    traceparent=f"00-{'a' * 32}-{'b' * 16}-01",
    checkout_attempt=1,
    checkout_attempt_at="2026-01-01T00:00:00.000Z",
    checkout_locale="en",
)


def _ordinary_event() -> PaymentEvent:
    metadata = {"payment_intent_id": ORDINARY.payment_intent_id, "attempt": "1", "traceparent": ORDINARY.traceparent}
    session = stripe_bodies.session(
        ORDINARY.payment_intent_id,
        id=ORDINARY_SESSION,
        payment_intent=ORDINARY_INTENT,
        amount_total=128000,
        metadata=metadata,
    )
    return replace(_event("checkout.session.completed", session), id="evt_" + "1" * 24)


@pytest.fixture
def meter(dynamodb_endpoint: str, free_port: Callable[[], int]) -> Iterator[tuple[FaultyDynamoDB, Meter]]:
    with FaultyDynamoDB(dynamodb_endpoint, free_port()) as proxy:
        proxy.fault = meter = Meter()
        yield proxy, meter


@pytest.fixture
async def metered(
    meter: tuple[FaultyDynamoDB, Meter], table_settings: TableSettings
) -> AsyncIterator[tuple[PaymentStore, Meter]]:
    """Yield a store that counts its capacity units."""
    settings = table_settings.model_copy(update={"ddb_endpoint": meter[0].endpoint})
    async with PaymentStore(settings) as store:
        yield store, meter[1]


async def test_an_ordinary_payment_costs_few_units(
    metered: tuple[PaymentStore, Meter], table_settings: TableSettings
) -> None:
    """Each write is one unit for the table and one for each index that has a changed field."""
    store, meter = metered
    created = await store.create(ORDINARY)
    await store.change_checkout(created, stripe_session_id=ORDINARY_SESSION, checkout_link=ORDINARY_LINK)
    assert (meter.units, meter.calls) == (7, ["PutItem", "UpdateItem"])
    assert size_of(_item(table_settings, ORDINARY.payment_intent_id)) <= WRITE_UNIT

    meter.reset()
    assert (await store.apply(_ordinary_event())).outcome is Outcome.APPLIED
    assert meter.calls == ["BatchExecuteStatement"]  # DynamoDB Local does not report its units

    meter.reset()
    shown = await store.by_session(ORDINARY_SESSION)
    assert (meter.units, meter.calls) == (1.5, ["Query", "GetItem"])
    assert shown is not None
    assert shown.payment_status is Status.COMPLETED
    assert shown.checkout_link is None
    size = size_of(_item(table_settings, ORDINARY.payment_intent_id))
    trace = 0 if shown.history[0].trace_id else SIZE_OF_TRACE_ID
    assert 900 < size + trace <= WRITE_UNIT


async def test_a_payment_method_costs_one_write_and_few_bytes(
    metered: tuple[PaymentStore, Meter], table_settings: TableSettings
) -> None:
    """Stripe sends `charge.succeeded` before or after the session's event, which then has to know the other one."""
    store, meter = metered
    payment = replace(ORDINARY, payment_intent_id="payment_" + "d" * 32)
    created = await store.create(payment)
    await store.change_checkout(created, stripe_session_id=ORDINARY_SESSION, checkout_link=ORDINARY_LINK)
    metadata = {"payment_intent_id": payment.payment_intent_id, "attempt": "1"}
    charge = stripe_bodies.charge_object(ORDINARY_INTENT, id="ch_" + "3" * 24, metadata=metadata)
    before = size_of(_item(table_settings, payment.payment_intent_id))

    meter.reset()
    applied = await store.apply(_event("charge.succeeded", charge))

    assert applied.outcome is Outcome.APPLIED
    assert meter.calls == ["BatchExecuteStatement"]
    assert applied.after is not None
    assert applied.after.history == ()
    fact = 1 + attribute_size({"M": {"facts": attributes_of(applied.after, ["facts"])["facts"]}})
    assert fact <= 120
    assert size_of(_item(table_settings, payment.payment_intent_id)) <= before + fact + len("webhook_processed_at") + 24

    meter.reset()
    paid = replace(_ordinary_event(), payment_ids=(payment.payment_intent_id,))
    assert (await store.apply(paid)).outcome is Outcome.APPLIED
    assert meter.calls == ["BatchExecuteStatement"] * 2


SIZE_OF_TRACE_ID = len("trace_id") + 32 + 1
"""The history entry has one if the webhook traces."""
