"""Checks that `init-table` protects new and existing tables on AWS against data loss."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest

from lea_payments.settings import TableSettings
from lea_payments.store import table
from tests.support import forked, tables
from tests.support.command_line import CheckCommand
from tests.support.dynamodb_faults import recovery_status
from tests.support.faulty_dynamodb import FaultyDynamoDB
from tests.support.records import Records


@pytest.fixture
def aws(dynamodb_endpoint: str, free_port: Callable[[], int]) -> Iterator[FaultyDynamoDB]:
    with FaultyDynamoDB(dynamodb_endpoint, free_port()) as proxy:
        proxy.fault = recovery_status("ENABLED")
        yield proxy


@pytest.fixture
def settings(dynamodb_endpoint: str) -> Iterator[TableSettings]:
    variables = {"DDB_ENDPOINT": dynamodb_endpoint, "DYNAMODB_PAYMENTS_TABLE": f"aws-{uuid4()}"}
    settings = TableSettings.model_validate(variables)
    yield settings
    client = tables.client(settings)
    client.update_table(TableName=settings.table, DeletionProtectionEnabled=False)
    client.delete_table(TableName=settings.table)
    client.close()


def _init_table(aws: FaultyDynamoDB, settings: TableSettings, folder: Path) -> str:
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    env = inherited | aws.aws_environment() | {"DYNAMODB_PAYMENTS_TABLE": settings.table}
    command = [sys.executable, "-m", "lea_payments", "init-table"]
    done = forked.run(command, env=env, folder=folder)
    done.check_returncode()
    return done.stdout


@pytest.mark.parametrize("exists", [False, True], ids=["new", "existing"])
def test_init_table_switches_on_protection_and_recovery(
    aws: FaultyDynamoDB, settings: TableSettings, tmp_path: Path, *, exists: bool
) -> None:
    client = tables.client(settings)
    if exists:
        tables.create(client, settings)

    output = _init_table(aws, settings, tmp_path)

    assert ("nothing to do" in output) is exists
    requests = [json.loads(call.body) for call in aws.calls if call.operation == "UpdateContinuousBackups"]
    recovery = {"PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}}
    assert requests == [{"TableName": settings.table} | recovery]
    described = client.describe_table(TableName=settings.table)["Table"]
    assert described["DeletionProtectionEnabled"]
    assert described["StreamSpecification"] == table.STREAM
    with pytest.raises(client.exceptions.ClientError, match=r"deletion.*protect|protect.*deletion|Deletion"):
        client.delete_table(TableName=settings.table)
    report = CheckCommand(tmp_path, settings)(**aws.aws_environment())
    assert report.of("deletion protection") + report.of("point-in-time recovery") == [("ok", "is on")] * 2


def test_the_stream_has_the_states_before_and_after(
    aws: FaultyDynamoDB, settings: TableSettings, tmp_path: Path
) -> None:
    """What a filter of EventBridge Pipes sees."""
    _init_table(aws, settings, tmp_path)
    records = Records(settings)
    payment_id = records.put()
    records.put_item({**records.item(payment_id), "payment_status": {"S": "completed"}})
    client = tables.client(settings)
    stream = client.describe_table(TableName=settings.table)["Table"]["LatestStreamArn"]

    changes = _changes(settings, stream)

    assert [change["eventName"] for change in changes] == ["INSERT", "MODIFY"]
    images = changes[1]["dynamodb"]
    assert images["OldImage"].get("payment_status") == {"S": "pending"}
    assert images["NewImage"]["payment_status"] == {"S": "completed"}
    records.close()
    client.close()


def _changes(settings: TableSettings, stream: str) -> list[Any]:
    """The records of a stream with one shard."""
    session = boto3.Session(aws_access_key_id="local", aws_secret_access_key="local")
    streams = session.client("dynamodbstreams", region_name=settings.aws_region, endpoint_url=settings.ddb_endpoint)
    (shard,) = streams.describe_stream(StreamArn=stream)["StreamDescription"]["Shards"]
    iterator = streams.get_shard_iterator(StreamArn=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")[
        "ShardIterator"
    ]
    found = [*streams.get_records(ShardIterator=iterator)["Records"]]
    streams.close()
    return found


def test_a_protected_table_is_not_updated_again(aws: FaultyDynamoDB, settings: TableSettings, tmp_path: Path) -> None:
    _init_table(aws, settings, tmp_path)
    aws.calls.clear()

    _init_table(aws, settings, tmp_path)

    assert "UpdateTable" not in {call.operation for call in aws.calls}
