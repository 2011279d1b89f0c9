"""Checks that no list is cut: DynamoDB returns at most 1 MB per call, and Stripe at most 100 objects."""

import ast
import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from lea_payments.payment.event import Outcome, PaymentEvent
from lea_payments.settings import TableSettings
from lea_payments.store.errors import UnavailableError
from lea_payments.store.payments import PaymentStore
from lea_payments.store.setup import creation
from lea_payments.stripe import events as stripe_events
from tests.support import stripe_bodies
from tests.support.dynamodb_faults import Call, CallResponse, Forward, first_calls
from tests.support.faulty_dynamodb import FaultyDynamoDB
from tests.support.records import Records

LONG = "x" * 2000
"""DynamoDB allows ids of 2,048 bytes: 560 of them are more than 1 MB in an index of keys."""


@pytest.fixture
async def behind_proxy(dynamodb: FaultyDynamoDB, table_settings: TableSettings) -> AsyncIterator[PaymentStore]:
    """Yield a store that calls DynamoDB through the proxy."""
    async with PaymentStore(table_settings.model_copy(update={"ddb_endpoint": dynamodb.endpoint})) as store:
        yield store


async def test_an_index_of_keys_is_read_to_its_end(
    behind_proxy: PaymentStore, dynamodb: FaultyDynamoDB, table_settings: TableSettings
) -> None:
    ids = [f"payment_{number:04}_{LONG}" for number in range(560)]
    client = creation.client(table_settings)
    for first in range(0, len(ids), 25):
        items = [
            {"payment_intent_id": {"S": one}, "awaiting_funds_on": {"S": "2026-01-01"}}
            for one in ids[first : first + 25]
        ]
        puts: list[Any] = [{"PutRequest": {"Item": item}} for item in items]
        assert not client.batch_write_item(RequestItems={table_settings.table: puts})["UnprocessedItems"]
    client.close()

    found = await behind_proxy.awaiting_funds("2026-01-01")

    assert sorted(found) == ids
    assert [call.operation for call in dynamodb.calls] == ["Query"] * 2


@pytest.mark.parametrize("field", ["user_id", "quote_id"])
async def test_a_list_of_large_payments_is_complete(
    behind_proxy: PaymentStore, dynamodb: FaultyDynamoDB, records: Records, field: str
) -> None:
    ids = [records.put(**{field: f"large {field}"}, product_name="x" * 300_000) for _ in range(5)]
    read = {"user_id": behind_proxy.by_user, "quote_id": behind_proxy.by_quote}[field]

    found = await read(f"large {field}")

    assert sorted(payment.payment_intent_id for payment in found) == sorted(ids)
    assert len(dynamodb.calls) == 2
    assert len(await read(f"large {field}", limit=4)) == 4


async def test_a_session_needs_one_page(behind_proxy: PaymentStore, dynamodb: FaultyDynamoDB, records: Records) -> None:
    """Two payments with one session are a mistake of a person: the first one is shown, and the others are not read."""
    for _ in range(5):
        records.put(stripe_session_id="cs_test_of_many", product_name="x" * 300_000)

    assert await behind_proxy.by_session("cs_test_of_many") is not None
    assert [call.operation for call in dynamodb.calls] == ["Query", "GetItem"]


def _empty_page(position: Mapping[str, object]) -> CallResponse:
    return CallResponse(200, json.dumps({"Items": [], "Count": 0, "LastEvaluatedKey": position}).encode())


def _without_items(call: Call, forward: Forward) -> CallResponse:
    """A page of one item, without it: as after a filter, or when the item has just left the index."""
    response = forward(call._replace(body=json.dumps({**json.loads(call.body), "Limit": 1}).encode()))
    return _empty_page(json.loads(response.body)["LastEvaluatedKey"])


async def test_a_page_without_items_is_not_the_end(
    behind_proxy: PaymentStore, dynamodb: FaultyDynamoDB, records: Records
) -> None:
    ids = {records.put(user_id="user of two pages") for _ in range(2)}
    dynamodb.fault = first_calls(_without_items)

    (found,) = await behind_proxy.by_user("user of two pages")

    assert found.payment_intent_id in ids
    assert len(dynamodb.calls) == 2


async def test_a_query_that_does_not_end_is_an_error(behind_proxy: PaymentStore, dynamodb: FaultyDynamoDB) -> None:
    position = {"payment_intent_id": {"S": "payment_"}, "user_id": {"S": "user"}}
    dynamodb.fault = lambda _call, _forward: _empty_page(position)

    with pytest.raises(UnavailableError, match="does not end"):
        await behind_proxy.by_user("user")

    assert len(dynamodb.calls) == 2


async def test_a_batch_returns_more_than_a_megabyte_of_records(behind_proxy: PaymentStore, records: Records) -> None:
    """Each false condition returns the current item, so that the next try needs no read."""
    ids = [records.put(product_name="x" * 300_000, status_reason="edited") for _ in range(8)]
    events = [stripe_events.translate(stripe_bodies.completed(payment_id), livemode=False) for payment_id in ids]

    applied = await asyncio.gather(*(behind_proxy.apply(event) for event in events if isinstance(event, PaymentEvent)))

    assert [each.outcome for each in applied] == [Outcome.APPLIED] * len(ids)


READS_OF_MANY = {"query", "scan", "execute_statement", "batch_get_item", "get_paginator"}
ALLOWED = {
    "store/dynamodb.py": ["query"],  # the one place, which reads all pages
    "store/payments.py": ["batch_get_item", "query"],  # calls that place; a batch has at most 100 small records
    "store/notifications/outbox.py": ["query"],  # calls that place
    "commands/checks/permissions.py": ["batch_get_item", "query"],  # reads what does not exist
}


def _reads_of_many(path: Path) -> Sequence[str]:
    if "urllib.parse" in path.read_text() and "lea_payments.store" not in path.read_text():
        return []  # it reads the query of a URL
    nodes = ast.walk(ast.parse(path.read_text()))
    return [node.attr for node in nodes if isinstance(node, ast.Attribute) and node.attr in READS_OF_MANY]


def test_every_query_goes_through_the_place_that_reads_all_pages(root: Path) -> None:
    package = root / "services" / "lea_payments"

    reads = {str(path.relative_to(package)): names for path in package.rglob("*.py") if (names := _reads_of_many(path))}

    assert {name: sorted({*names}) for name, names in reads.items()} == ALLOWED
