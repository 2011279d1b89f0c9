"""Checks that `init-table` protects new and existing tables on AWS against data loss."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from lea_payments.settings import TableSettings
from tests.support import tables
from tests.support.command_line import CheckCommand
from tests.support.dynamodb_faults import recovery_status
from tests.support.faulty_dynamodb import FaultyDynamoDB


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
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=True).stdout


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
    assert client.describe_table(TableName=settings.table)["Table"]["DeletionProtectionEnabled"]
    with pytest.raises(client.exceptions.ClientError, match=r"deletion.*protect|protect.*deletion|Deletion"):
        client.delete_table(TableName=settings.table)
    report = CheckCommand(tmp_path, settings)(**aws.aws_environment())
    assert report.of("deletion protection") + report.of("point-in-time recovery") == [("ok", "is on")] * 2


def test_a_protected_table_is_not_updated_again(aws: FaultyDynamoDB, settings: TableSettings, tmp_path: Path) -> None:
    _init_table(aws, settings, tmp_path)
    aws.calls.clear()

    _init_table(aws, settings, tmp_path)

    assert "UpdateTable" not in {call.operation for call in aws.calls}
