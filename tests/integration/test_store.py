import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from msgspec.structs import replace

from lea_payments.payment.event import Outcome, PaymentEvent
from lea_payments.payment.facts import Fact, Kind
from lea_payments.payment.record import HistoryEntry
from lea_payments.settings import TableSettings
from lea_payments.store import table
from lea_payments.store.errors import ConflictError, UnavailableError
from lea_payments.store.items import attributes_of, payment_of
from lea_payments.store.payments import PaymentStore
from lea_payments.store.setup import creation
from lea_payments.store.statements import pings
from lea_payments.stripe import events as stripe_events
from tests.support import dynamodb_faults as faults
from tests.support import stripe_bodies, tables
from tests.support.faulty_dynamodb import FaultyDynamoDB
from tests.support.scenarios import record

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def _settings(endpoint: str) -> TableSettings:
    """The settings of a table that no other test uses."""
    return TableSettings.model_validate({"DDB_ENDPOINT": endpoint, "DYNAMODB_PAYMENTS_TABLE": f"store-{uuid4()}"})


@pytest.fixture(scope="module")
def settings(dynamodb_endpoint: str) -> TableSettings:
    return _settings(dynamodb_endpoint)


@pytest.fixture(scope="module")
def dynamodb(settings: TableSettings) -> Iterator["DynamoDBClient"]:
    client = tables.client(settings)
    tables.create(client, settings)
    yield client
    client.close()


@pytest.fixture
async def store(settings: TableSettings, dynamodb: "DynamoDBClient") -> AsyncIterator[PaymentStore]:
    del dynamodb  # it has created the table
    async with PaymentStore(settings) as store:
        yield store


def _event(body: bytes) -> PaymentEvent:
    event = stripe_events.translate(body, livemode=False)
    assert isinstance(event, PaymentEvent)
    return event


async def test_eight_senders_of_one_event_apply_it_once(store: PaymentStore) -> None:
    await store.create(record("payment_same"))
    event = _event(stripe_bodies.completed("payment_same"))

    outcomes = [applied.outcome for applied in await asyncio.gather(*[store.apply(event) for _ in range(8)])]

    assert sorted(outcomes) == [Outcome.APPLIED, *[Outcome.DUPLICATE] * 7]
    after = await store.get("payment_same")
    assert after is not None
    assert len(after.history) == 1


async def test_two_stores_that_write_one_payment_lose_nothing(settings: TableSettings, store: PaymentStore) -> None:
    await store.create(record("payment_two"))
    refunds = [
        replace(_event(stripe_bodies.refunded("payment_two", 5)), id=f"evt_{number}", object_id=f"ch_{number}")
        for number in range(12)
    ]

    async with PaymentStore(settings) as other:
        await asyncio.gather(*[one.apply(event) for one, event in zip([store, other] * 6, refunds, strict=True)])

    after = await store.get("payment_two")
    assert after is not None
    assert (len(after.facts), len(after.history), after.version) == (12, 12, 13)


async def test_a_dispute_finds_its_payment_by_the_payment_intent(store: PaymentStore) -> None:
    await store.create(record("payment_disputed"))
    await store.apply(_event(stripe_bodies.completed("payment_disputed", payment_intent="pi_disputed")))

    applied = await store.apply(_event(stripe_bodies.dispute("created", "needs_response", "pi_disputed")))

    assert applied.outcome is Outcome.APPLIED
    assert applied.after is not None
    assert applied.after.payment_intent_id == "payment_disputed"


async def test_a_session_without_our_id_is_found_by_its_own(store: PaymentStore) -> None:
    await store.create(replace(record("payment_indexed"), stripe_session_id="cs_test_indexed"))

    applied = await store.apply(_event(stripe_bodies.completed(None, id="cs_test_indexed")))

    assert applied.outcome is Outcome.APPLIED


@pytest.mark.parametrize(
    "body",
    [
        stripe_bodies.completed("payment_foreign", id="cs_foreign", payment_intent="pi_foreign"),
        stripe_bodies.dispute("created", "lost", "pi_foreign"),
    ],
    ids=["session", "dispute"],
)
async def test_an_event_of_another_system_changes_nothing(store: PaymentStore, body: bytes) -> None:
    assert (await store.apply(_event(body))).outcome is Outcome.UNMATCHED
    assert await store.get("payment_foreign") is None


async def test_a_record_is_created_once_and_never_overwritten(store: PaymentStore) -> None:
    first = await store.create(record("payment_once"))

    second = await store.create(replace(record("payment_once"), amount=1))

    assert second == first


async def test_checkout_cannot_change_a_payment_that_has_changed(store: PaymentStore) -> None:
    outdated = await store.create(record("payment_raced"))
    await store.apply(_event(stripe_bodies.completed("payment_raced")))

    with pytest.raises(ConflictError):
        await store.change_checkout(outdated, stripe_session_id="cs_test_new")
    after = await store.get("payment_raced")
    assert after is not None
    assert after.stripe_session_id == "cs_test_a"


async def test_a_list_of_more_than_a_megabyte_is_complete(store: PaymentStore) -> None:
    """DynamoDB returns at most 1 MB per call."""
    ids = [f"payment_large_{number}" for number in range(6)]
    for payment_id in ids:
        large = "x" * 200_000
        await store.create(
            replace(record(payment_id), user_id="user_large", product_name=large, stripe_session_id=None)
        )

    payments = await store.by_user("user_large")

    assert sorted(payment.payment_intent_id for payment in payments) == ids


async def test_payments_are_listed_by_user_and_by_quote(store: PaymentStore) -> None:
    await store.create(replace(record("payment_listed"), user_id="user_listed", quote_id="quote_listed"))

    [by_user], [by_quote] = await store.by_user("user_listed"), await store.by_quote("quote_listed")

    assert by_user == by_quote
    assert (by_user.amount, by_user.product_name) == (4999, "Travel insurance")


async def test_without_a_table_an_event_is_not_unmatched(dynamodb_endpoint: str) -> None:
    async with PaymentStore(_settings(dynamodb_endpoint)) as store:
        with pytest.raises(UnavailableError):
            await store.apply(_event(stripe_bodies.completed("payment_x")))


@pytest.mark.parametrize("kept", [3, 4], ids=["published contract", "version 0.1.0"])
async def test_a_table_without_some_indexes_works(
    dynamodb: "DynamoDBClient", dynamodb_endpoint: str, kept: int
) -> None:
    settings = _settings(dynamodb_endpoint)
    definition = table.definition(settings)
    missing = [index["IndexName"] for index in table.INDEXES[kept:]]
    definition["GlobalSecondaryIndexes"] = table.INDEXES[:kept]
    definition["AttributeDefinitions"] = definition["AttributeDefinitions"][: kept + 1]
    dynamodb.create_table(**definition)

    async with PaymentStore(settings) as store:
        await store.create(record("payment_three"))
        paid = await store.apply(_event(stripe_bodies.completed("payment_three")))
        unknown = await store.apply(_event(stripe_bodies.dispute("created", "needs_response", "pi_unknown")))
        assert (await store.by_session("cs_test_a") or paid.before) == paid.after
        assert await store.by_session("cs_test_unknown") is None
        assert await store.awaiting_funds("2026-01-01") == []

    assert (paid.outcome, unknown.outcome) == (Outcome.APPLIED, Outcome.UNMATCHED)
    assert creation.ensure(dynamodb, settings).endswith(f"added {', '.join(missing)}")


def test_a_record_survives_the_round_trip_to_dynamodb(dynamodb: "DynamoDBClient", settings: TableSettings) -> None:
    fact = Fact(kind=Kind.REFUND, state="pending", amount=5, currency="sgd", intent="pi_a", code="x", due=1, attempt=1)
    payment = replace(
        record("payment_item"),
        version=7,
        facts={"re_a": fact},
        amount_refunded=5,
        checkout_attempt=2,
        other_session_id="cs_test_b",
        awaiting_funds_on="2026-01-01",
        history=(HistoryEntry("evt", "type", "applied", "pending", "completed", "t", None),),
    )
    dynamodb.put_item(TableName=settings.table, Item=attributes_of(payment))

    response = dynamodb.get_item(TableName=settings.table, Key={table.KEY: {"S": "payment_item"}})

    assert payment_of(response["Item"]) == payment


async def test_a_payment_that_waits_is_listed_by_its_day(store: PaymentStore) -> None:
    await store.create(record("payment_waiting"))
    waiting = await store.apply(_event(stripe_bodies.awaiting("payment_waiting")))
    assert waiting.after is not None
    day = waiting.after.updated_at[:10] if waiting.after.updated_at else ""

    assert "payment_waiting" in await store.awaiting_funds(day)
    await store.apply(_event(stripe_bodies.async_paid("payment_waiting")))
    assert "payment_waiting" not in await store.awaiting_funds(day)


@pytest.mark.parametrize(
    "attributes",
    [
        {"version": {"S": "3"}},
        {"version": {"N": "1E+125"}},
        {"version": {"M": {}}, "updated_at": {"N": "42"}},
        {"updated_at": {"S": ""}},
    ],
    ids=["text", "huge", "map and number", "empty"],
)
async def test_checkout_changes_a_record_with_an_odd_lock(
    store: PaymentStore, dynamodb: "DynamoDBClient", settings: TableSettings, attributes: dict[str, Any]
) -> None:
    payment_id = f"payment_odd_{uuid4()}"
    item = attributes_of(record(payment_id)) | attributes | {"facts": {"NULL": True}, "history": {"S": "x"}}
    dynamodb.put_item(TableName=settings.table, Item=item)
    read = await store.get(payment_id)
    assert read is not None

    await store.change_checkout(read, stripe_session_id="cs_test_new")

    stored = dynamodb.get_item(TableName=settings.table, Key={table.KEY: {"S": payment_id}})["Item"]
    assert stored == attributes_of(payment_of(stored))
    assert stored["stripe_session_id"] == {"S": "cs_test_new"}
    with pytest.raises(ConflictError):
        await store.change_checkout(read, stripe_session_id="cs_test_newer")


async def test_checkout_cannot_change_a_payment_that_is_gone(store: PaymentStore) -> None:
    with pytest.raises(ConflictError):
        await store.change_checkout(record("payment_gone"), stripe_session_id="cs_test_new")


@pytest.mark.parametrize("exists", [False, True], ids=["no such record", "a record with that key"])
async def test_the_pings_of_readiness_change_nothing(
    store: PaymentStore, dynamodb: "DynamoDBClient", settings: TableSettings, *, exists: bool
) -> None:
    key = {table.KEY: {"S": pings.NO_PAYMENT}}
    item = {**key, "updated_at": {"S": "then"}} if exists else None
    if item:
        dynamodb.put_item(TableName=settings.table, Item=item)

    for ping in (store.ping, store.ping_events, store.ping_checkout):
        await ping()

    assert dynamodb.get_item(TableName=settings.table, Key=key).get("Item") == item
    dynamodb.delete_item(TableName=settings.table, Key=key)


async def test_a_change_by_checkout_whose_answer_was_lost_succeeds(
    dynamodb_endpoint: str, settings: TableSettings, free_port: Callable[[], int], dynamodb: "DynamoDBClient"
) -> None:
    del dynamodb  # it has created the table
    with FaultyDynamoDB(dynamodb_endpoint, free_port()) as proxy:
        async with PaymentStore(settings.model_copy(update={"ddb_endpoint": proxy.endpoint})) as store:
            created = await store.create(record("payment_lost_answer"))
            proxy.fault = faults.first_calls(faults.truncated_response)

            changed = await store.change_checkout(created, stripe_session_id="cs_test_new")

            assert await store.get("payment_lost_answer") == changed
            assert [call.operation for call in proxy.calls] == ["PutItem", "UpdateItem", "UpdateItem", "GetItem"]


async def test_a_store_waits_as_long_as_it_is_told(
    dynamodb_endpoint: str, settings: TableSettings, free_port: Callable[[], int], dynamodb: "DynamoDBClient"
) -> None:
    """The tests' own store waits for a slow machine: sixteen tries take four seconds, and a service gives up before."""
    del dynamodb  # it has created the table
    with FaultyDynamoDB(dynamodb_endpoint, free_port()) as proxy:
        slow = settings.model_copy(update={"ddb_endpoint": proxy.endpoint})
        async with PaymentStore(slow, call_seconds=tables.WAIT_SECONDS) as store:
            proxy.fault = faults.first_calls(*[faults.error_response(503, "ServiceUnavailable")] * 16)

            assert await store.get("payment_unknown") is None
            assert len(proxy.calls) == 17
