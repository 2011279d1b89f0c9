"""Tries the guide's filter for EventBridge Pipes on the stream of DynamoDB Local, and counts what passes."""

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

import boto3
import pytest

from lea_payments.settings import TableSettings
from lea_payments.store.payments import PaymentStore
from tests.docs.documents import ROOT, blocks
from tests.support import tables
from tests.support.event_patterns import matches
from tests.support.examples import examples
from tests.support.records import Records
from tests.support.scenarios import SCENARIOS, payment_events
from tests.support.waiting import until

(FILTERS,) = [json.loads(block.text) for block in blocks(ROOT / "docs" / "guide.md") if "anything-but" in block.text]
BOOKKEEPING = (
    "SET notify_at = :one, notify_lease = :one",
    "SET checkout_attempt_at = :one",
    "REMOVE notify_at, notify_lease",
)
"""Writes of the services that change nothing that is published."""

Change = Mapping[str, Any]


class Stream:
    """The changes of a table, in the order of each item."""

    def __init__(self, settings: TableSettings) -> None:
        keys = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
        place = {"region_name": settings.aws_region, "endpoint_url": settings.ddb_endpoint}
        self._client = boto3.client("dynamodbstreams", **keys, **place)  # type: ignore[call-overload]  # untyped
        self._settings = settings

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def changes(self) -> list[Change]:
        """All changes since the stream was enabled, in the form in which a pipe gets them."""
        (stream,) = self._client.list_streams(TableName=self._settings.table)["Streams"]
        shards = self._client.describe_stream(StreamArn=stream["StreamArn"])["StreamDescription"]["Shards"]
        return [change for shard in shards for change in self._read(stream["StreamArn"], shard["ShardId"])]

    def _read(self, arn: str, shard: str) -> Iterator[Change]:
        start = {"StreamArn": arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
        iterator = self._client.get_shard_iterator(**start)["ShardIterator"]
        while iterator:
            page = self._client.get_records(ShardIterator=iterator)
            yield from page["Records"]
            iterator = page.get("NextShardIterator") if page["Records"] else None


@pytest.fixture(scope="module")
def stream(table_settings: TableSettings) -> Iterator[Stream]:
    """The stream of this file's table, with both images of an item."""
    with closing(tables.client(table_settings)) as client, closing(Stream(table_settings)) as stream:
        description = client.describe_table(TableName=table_settings.table)["Table"]
        if "StreamSpecification" not in description:
            specification: Any = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
            client.update_table(TableName=table_settings.table, StreamSpecification=specification)
        yield stream


def passes(change: Change) -> bool:
    return any(matches(one, change) for one in FILTERS)


def statuses(change: Change) -> tuple[str | None, str | None]:
    """The status before and after."""
    images = [change["dynamodb"].get(name, {}) for name in ("OldImage", "NewImage")]
    before, after = (image.get("payment_status", {}).get("S") for image in images)
    return before, after


async def test_exactly_the_changes_of_the_status_pass(
    stream: Stream, store: PaymentStore, records: Records, table_settings: TableSettings
) -> None:
    """Scenarios, with each event twice, and writes of bookkeeping in between."""
    seen: list[tuple[str, str, str]] = []
    writes = 0
    with closing(tables.client(table_settings)) as client:
        for scenario in list(SCENARIOS.values())[:: examples(3, 1)]:
            payment_id = records.put(**scenario.before)
            writes += 1
            for event in payment_events(scenario, payment_id):
                for _ in range(2):
                    before = records.get(payment_id)
                    await store.apply(event)
                    after = records.get(payment_id)
                    writes += before.version != after.version
                    if before.payment_status != after.payment_status:
                        seen.append((payment_id, before.payment_status, after.payment_status))
            for expression in BOOKKEEPING:
                values: Any = {"ExpressionAttributeValues": {":one": {"N": "1"}}} if ":one" in expression else {}
                key = {"payment_intent_id": {"S": payment_id}}
                client.update_item(TableName=table_settings.table, Key=key, UpdateExpression=expression, **values)
                writes += 1
    until(lambda: len(stream.changes()) >= writes, "all changes in the stream")

    changes = stream.changes()
    passed = [
        (change["dynamodb"]["Keys"]["payment_intent_id"]["S"], *statuses(change))
        for change in changes
        if passes(change)
    ]
    assert len(changes) == writes
    assert sorted(passed) == sorted(seen)
    assert len(changes) > 2 * len(passed) > 20
    assert {after for _, _, after in passed} == {"pending", "completed", "failed", "expired"}


def image(status: str | None) -> Mapping[str, Any]:
    return {} if status is None else {"payment_status": {"S": status}}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("pending", "completed", True),
        ("failed", "pending", True),
        (None, "completed", True),
        ("completed", "completed", False),
        ("pending", "pending", False),
        ("completed", None, False),
    ],
)
def test_a_record_without_a_status_is_not_forgotten(before: str | None, after: str | None, *, expected: bool) -> None:
    images = {"OldImage": image(before), "NewImage": image(after)}

    assert passes({"eventName": "MODIFY", "dynamodb": images}) == expected


def test_new_and_deleted_records_do_not_pass() -> None:
    assert not passes({"eventName": "INSERT", "dynamodb": {"NewImage": image("pending")}})
    assert not passes({"eventName": "REMOVE", "dynamodb": {"OldImage": image("pending")}})
