"""Checks that an item stays far below DynamoDB's size limit, whatever events its payment receives."""

from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from lea_payments.payment.event import Outcome, PaymentEvent
from lea_payments.payment.record import HISTORY_LIMIT, HistoryEntry, Payment, Status
from lea_payments.settings import TableSettings
from lea_payments.store import connection, table
from lea_payments.store.items import Item, item_of_entry
from lea_payments.store.payments import PaymentStore
from lea_payments.stripe import events as stripe_events
from lea_payments.stripe.events import EVENT_TYPES
from tests.support import stripe_bodies
from tests.support.scenarios import record

DYNAMODB_LIMIT = 400 * 1024
EVENTS = 2_000
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
CODE_LENGTH = 50
"""The maximum length of a decline code; a reason has two of them."""


def size_of(item: Item) -> int:
    """An item's size in bytes, by DynamoDB's rules (developer guide, "Item sizes and formats")."""
    return sum(len(name.encode()) + _size_of(attribute) for name, attribute in item.items())


def _size_of(attribute: Any) -> int:
    ((kind, value),) = attribute.items()
    if kind == "L":
        return 3 + sum(1 + _size_of(inner) for inner in value)
    if kind == "M":
        return 3 + size_of(value) + len(value)
    if kind == "S":
        return len(value.encode())
    return 1 if kind == "BOOL" else len(value) // 2 + 2


ENTRY_BOUND = 1 + _size_of(item_of_entry(LONGEST_ENTRY))
HISTORY_BOUND = HISTORY_LIMIT * ENTRY_BOUND
REST_BOUND = 10 * 1024
"""The other fields: five texts of about 255 wide characters each, and some short ones."""

BOUND = HISTORY_BOUND + REST_BOUND


def test_the_bound_is_a_fifth_of_dynamodbs_limit() -> None:
    assert ENTRY_BOUND == 1_210
    assert BOUND == 70_740
    assert BOUND * 5 < DYNAMODB_LIMIT


def _long(number: int) -> str:
    return f"{number:05}{WIDE * 250}"


_LETTERS = {ord("0") + digit: ord("a") + digit for digit in range(10)}


def _events(payment_id: str) -> Iterator[PaymentEvent]:
    """Distinct events of every kind that adds a history entry, as long as possible, with codes in ascending order."""
    for number in range(EVENTS // 4):
        code = "z" + f"{number:0{CODE_LENGTH - 1}}".translate(_LETTERS)
        failed = stripe_bodies.refund("refund.failed", 5, "failed", _long(number))
        bodies = (
            stripe_bodies.declined(payment_id, code, _long(number)).replace(b"card_declined", code.encode()),
            stripe_bodies.expired(payment_id, id=_long(number)),
            stripe_bodies.refunded(payment_id, number + 1, _long(number)),
            failed.replace(b'"metadata": {}', f'"metadata": {{"payment_intent_id": "{payment_id}"}}'.encode()),
        )
        for kind, body in enumerate(bodies):
            event = stripe_events.translate(
                body.replace(b'"evt_', f'"{WIDE * 220}{kind}_{number:05}_evt_'.encode()), livemode=False
            )
            assert isinstance(event, PaymentEvent)
            yield event


def _widest(payment_id: str) -> Payment:
    texts = dict.fromkeys(("user_id", "quote_id", "product_name"), WIDE * 256)
    return replace(record(payment_id), **texts, traceparent=f"00-{'a' * 32}-{'b' * 16}-01", checkout_locale="fil")


async def test_a_flood_of_events_leaves_a_small_item(store: PaymentStore, table_settings: TableSettings) -> None:
    payment_id = "p" * 200
    await store.create(_widest(payment_id))
    outcomes = [(await store.apply(event)).outcome for event in _events(payment_id)]
    flooded = await store.get(payment_id)
    assert flooded is not None
    assert (len(outcomes), len(flooded.history)) == (EVENTS, HISTORY_LIMIT)

    money = stripe_bodies.completed(payment_id, id=_long(0), payment_intent=_long(0))
    paid = stripe_events.translate(money, livemode=False)
    assert isinstance(paid, PaymentEvent)
    assert [(await store.apply(paid)).outcome for _ in range(2)] == [Outcome.APPLIED, Outcome.DUPLICATE]
    after = await store.get(payment_id)
    assert after is not None
    assert (after.payment_status, after.amount_refunded, len(after.history)) == (
        "completed",
        EVENTS // 4,
        HISTORY_LIMIT,
    )
    assert HISTORY_BOUND / 2 < size_of(_item(table_settings, payment_id)) < BOUND


def _item(settings: TableSettings, payment_id: str) -> Item:
    client = connection.client(settings)
    response = client.get_item(TableName=settings.table, Key={table.KEY: {"S": payment_id}}, ConsistentRead=True)
    client.close()
    return response["Item"]
