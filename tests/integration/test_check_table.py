"""The command `lea-payments check` with wrong tables, missing permissions and the table settings of AWS.

DynamoDB Local has neither permissions nor backups: a proxy answers these calls as the API reference describes.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from lea_payments.settings import TableSettings
from lea_payments.store import table
from tests.support import dynamodb_faults as faults
from tests.support.command_line import SECRET, TOKEN, CheckCommand
from tests.support.dynamodb_faults import Call, CallResponse, Forward, recovery_status
from tests.support.faulty_dynamodb import FaultyDynamoDB
from tests.support.tables import client as connect

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@pytest.fixture
def dynamodb(dynamodb_endpoint: str, free_port: Callable[[], int]) -> Iterator[FaultyDynamoDB]:
    with FaultyDynamoDB(dynamodb_endpoint, free_port()) as proxy:
        yield proxy


@pytest.fixture
def check(tmp_path: Path, table_settings: TableSettings) -> CheckCommand:
    return CheckCommand(tmp_path, table_settings)


class Tables:
    """Creates tables that differ from their definition."""

    def __init__(self, settings: TableSettings) -> None:
        self._settings = settings
        self.client: DynamoDBClient = connect(settings)
        self.names: list[str] = []

    def create(self, change: Callable[[dict[str, Any]], None]) -> str:
        """Creates a table with this change to the definition; returns its name."""
        name = f"changed-{uuid4()}"
        definition = table.definition(self._settings) | {"TableName": name}
        change(definition)
        indexed = {key["AttributeName"] for index in _indexes(definition) for key in index["KeySchema"]}
        keys = {key["AttributeName"] for key in definition["KeySchema"]} | indexed
        definition["AttributeDefinitions"] = [
            table.key_definition(key) | definition.get("types", {}).get(key, {}) for key in sorted(keys)
        ]
        definition.pop("types", None)
        self.client.create_table(**definition)
        self.names.append(name)
        return name


def _indexes(definition: dict[str, Any]) -> list[dict[str, Any]]:
    indexes: list[dict[str, Any]] = definition["GlobalSecondaryIndexes"]
    return indexes


@pytest.fixture
def tables(table_settings: TableSettings) -> Iterator[Tables]:
    tables = Tables(table_settings)
    yield tables
    for name in tables.names:
        tables.client.delete_table(TableName=name)
    tables.client.close()


def _without(name: str) -> Callable[[dict[str, Any]], None]:
    def change(definition: dict[str, Any]) -> None:
        definition["GlobalSecondaryIndexes"] = [index for index in _indexes(definition) if index["IndexName"] != name]

    return change


def _with_index(name: str, **fields: Any) -> Callable[[dict[str, Any]], None]:
    def change(definition: dict[str, Any]) -> None:
        definition["GlobalSecondaryIndexes"] = [
            index | fields if index["IndexName"] == name else index for index in _indexes(definition)
        ]

    return change


def _with_numbers(definition: dict[str, Any]) -> None:
    definition["types"] = {"user_id": {"AttributeType": "N"}}


def _other_key(definition: dict[str, Any]) -> None:
    definition["KeySchema"] = [{"AttributeName": "id", "KeyType": "HASH"}]


WRONG_TABLES = [
    pytest.param(_without(table.QUOTE_INDEX), "index quote_id-index", "wrong", "is missing", id="missing index"),
    *(
        pytest.param(_without(name), f"index {name}", "note", f"is missing: {consequence}", id=f"missing {name}")
        for name, consequence in table.USES.items()
    ),
    pytest.param(
        _with_index(table.USER_INDEX, Projection={"ProjectionType": "INCLUDE", "NonKeyAttributes": ["amount"]}),
        *("index user_id-index", "wrong", "does not contain quote_id, stripe_session_id, "),
        id="projection without some fields",
    ),
    pytest.param(
        _with_index(table.USER_INDEX, Projection={"ProjectionType": "KEYS_ONLY"}),
        *("index user_id-index", "wrong", "does not contain quote_id, "),
        id="projection of keys",
    ),
    pytest.param(
        _with_index(table.USER_INDEX, Projection={"ProjectionType": "ALL"}),
        *("index user_id-index", "note", "contains the history"),
        id="projection of all fields",
    ),
    pytest.param(
        _with_index(table.USER_INDEX, KeySchema=[{"AttributeName": "quote_id", "KeyType": "HASH"}]),
        *("index user_id-index", "wrong", "has the wrong key: [('quote_id'"),
        id="index with another key",
    ),
    pytest.param(
        _with_numbers, "index user_id-index", "wrong", "has the wrong key: [('user_id'", id="key of another type"
    ),
    pytest.param(_other_key, "table", "wrong", "", id="another key"),
]


@pytest.mark.parametrize(("change", "subject", "state", "says"), WRONG_TABLES)
def test_a_table_that_differs_from_its_definition_is_reported(
    check: CheckCommand, tables: Tables, change: Callable[[dict[str, Any]], None], subject: str, state: str, says: str
) -> None:
    report = check(DYNAMODB_PAYMENTS_TABLE=tables.create(change))

    assert report.status == (state == "wrong")
    assert [finding for finding in report.of(subject) if finding[0] == state and says in finding[1]]
    assert report.wrong() == [] or "init-table" in report.wrong()[0]["remedy"]


def test_a_missing_table_and_no_dynamodb_are_reported(check: CheckCommand, free_port: Callable[[], int]) -> None:
    absent = check(DYNAMODB_PAYMENTS_TABLE="absent")
    assert "absent does not exist at" in absent.wrong()[0]["says"]
    assert "init-table" in absent.wrong()[0]["remedy"]

    unreachable = check(DDB_ENDPOINT=f"http://127.0.0.1:{free_port()}")
    assert "cannot be reached" in unreachable.wrong()[0]["says"]
    assert len(unreachable.wrong()) == 1


def _denying(*operations: str) -> faults.Fault:
    refuse = faults.error_response(400, "AccessDeniedException")

    def fault(call: Call, forward: Forward) -> CallResponse:
        if call.operation == "BatchExecuteStatement" and call.operation in operations:
            return CallResponse(200, b'{"Responses": [{"Error": {"Code": "AccessDenied", "Message": "no"}}]}')
        return (refuse if call.operation in operations else faults.healthy)(call, forward)

    return fault


@pytest.mark.parametrize(
    ("operation", "action"),
    [
        ("GetItem", "GetItem"),
        ("Query", "Query"),
        ("BatchExecuteStatement", "PartiQLUpdate"),
        ("PutItem", "PutItem"),
        ("UpdateItem", "UpdateItem"),
    ],
)
def test_a_missing_permission_is_named(
    check: CheckCommand, dynamodb: FaultyDynamoDB, operation: str, action: str
) -> None:
    dynamodb.fault = _denying(operation)

    report = check(DDB_ENDPOINT=dynamodb.endpoint, STRIPE_WEBHOOK_SECRET=SECRET, PAYMENTS_API_TOKEN=TOKEN)

    assert report.status == 1
    assert [finding["says"] for finding in report.wrong()] == [f"dynamodb:{action} is not allowed"]


def test_permissions_of_other_services_are_not_checked(check: CheckCommand, dynamodb: FaultyDynamoDB) -> None:
    dynamodb.fault = _denying("DescribeTable", "PutItem", "UpdateItem")

    report = check(DDB_ENDPOINT=dynamodb.endpoint, STRIPE_WEBHOOK_SECRET=SECRET)

    assert report.status == 0
    assert report.of("table") == [("note", "cannot be described with these credentials")]
    assert report.of("permissions") == [("ok", "allowed: GetItem, Query, PartiQLUpdate")]


def test_the_protection_against_data_loss_is_checked_on_aws(
    check: CheckCommand, dynamodb: FaultyDynamoDB, tables: Tables
) -> None:
    name = tables.create(lambda _: None)
    tables.client.update_time_to_live(
        TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "created_at"}
    )
    dynamodb.fault = recovery_status("DISABLED")

    report = check(**dynamodb.aws_environment(), DYNAMODB_PAYMENTS_TABLE=name)

    assert report.status == 0
    assert report.of("deletion protection") == [("note", "is off")]
    assert report.of("point-in-time recovery") == [("note", "is off")]
    assert report.of("time to live") == [("note", "is on: created_at deletes payments")]
    dynamodb.fault = _denying("DescribeContinuousBackups")
    assert check(**dynamodb.aws_environment(), DYNAMODB_PAYMENTS_TABLE=name).of("backups")[0][0] == "note"


def test_missing_aws_credentials_are_reported(check: CheckCommand) -> None:
    report = check(DDB_ENDPOINT="", AWS_EC2_METADATA_DISABLED="true")

    assert "no AWS credentials" in report.wrong()[0]["says"]
