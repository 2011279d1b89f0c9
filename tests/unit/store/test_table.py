from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import pytest
import stamina
from botocore.exceptions import ClientError, EndpointConnectionError

from lea_payments.payment.record import Payment
from lea_payments.settings import TableSettings
from lea_payments.store import table

LOCAL = TableSettings.model_validate({"DDB_ENDPOINT": "http://localhost:1", "DYNAMODB_PAYMENTS_TABLE": "payments"})
AWS = TableSettings.model_validate({"DDB_ENDPOINT": "", "DYNAMODB_PAYMENTS_TABLE": "payments"})
ALL_INDEXES = [index["IndexName"] for index in table.INDEXES]


@pytest.fixture(autouse=True)
def no_pauses() -> Iterator[None]:
    stamina.instrumentation.set_on_retry_hooks(())
    with stamina.set_testing(True, attempts=3, cap=True):
        yield
    stamina.instrumentation.set_on_retry_hooks(None)


class ResourceNotFoundError(Exception):
    """DynamoDB's ResourceNotFoundException."""


class ResourceInUseError(Exception):
    """DynamoDB's ResourceInUseException."""


class Exceptions:
    ResourceNotFoundException = ResourceNotFoundError
    ResourceInUseException = ResourceInUseError


class Dynamodb:
    """A client of a database with at most one table, whose calls are recorded."""

    exceptions = Exceptions

    def __init__(self, indexes: Sequence[str] | None = None) -> None:
        self.indexes = indexes
        self.key_of: dict[str, str] = {}
        self.statuses = ["ACTIVE"]
        self.unreachable = 0
        self.refusal: Exception | None = None
        self.protected = False
        self.calls: list[tuple[str, Mapping[str, Any]]] = []

    def describe_table(self, **_: Any) -> dict[str, Any]:
        if self.unreachable:
            self.unreachable -= 1
            raise EndpointConnectionError(endpoint_url="http://localhost:1")
        if self.refusal:
            raise self.refusal
        if self.indexes is None:
            raise ResourceNotFoundError
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        described = [{"IndexName": name, "IndexStatus": status, "KeySchema": self._key(name)} for name in self.indexes]
        description = {"TableStatus": "ACTIVE", "GlobalSecondaryIndexes": described}
        return {"Table": description | {"DeletionProtectionEnabled": self.protected}}

    def create_table(self, **arguments: Any) -> None:
        self.calls.append(("create_table", arguments))
        self.indexes = ALL_INDEXES

    def update_table(self, **arguments: Any) -> None:
        self.calls.append(("update_table", arguments))

    def update_continuous_backups(self, **arguments: Any) -> None:
        self.calls.append(("update_continuous_backups", arguments))

    def _key(self, name: str) -> list[dict[str, str]]:
        usual = name.removesuffix("-index")
        return [{"AttributeName": self.key_of.get(name, usual), "KeyType": "HASH"}]


class CreatedByAnother(Dynamodb):
    """A database in which another process creates the table at the same time."""

    def create_table(self, **arguments: Any) -> None:
        super().create_table(**arguments)
        raise ResourceInUseError


def _ensure(dynamodb: Dynamodb, settings: TableSettings = LOCAL, wait_seconds: float = 0.0) -> str:
    return table.ensure(cast("Any", dynamodb), settings, wait_seconds)


@pytest.mark.parametrize(("settings", "protected"), [(LOCAL, False), (AWS, True)], ids=["local", "aws"])
def test_only_a_table_on_aws_is_protected_from_deletion(settings: TableSettings, *, protected: bool) -> None:
    definition = table.definition(settings)

    assert (definition["TableName"], definition["DeletionProtectionEnabled"]) == ("payments", protected)


def test_every_key_of_the_table_is_defined_once_as_text() -> None:
    definition = table.definition(LOCAL)
    schemas = [definition["KeySchema"], *(index["KeySchema"] for index in definition["GlobalSecondaryIndexes"])]

    assert definition["AttributeDefinitions"] == [
        {"AttributeName": schema[0]["AttributeName"], "AttributeType": "S"} for schema in schemas
    ]


@pytest.mark.parametrize("index", table.PUBLISHED_INDEXES, ids=lambda index: str(index["IndexName"]))
def test_a_published_index_has_every_published_field(index: Mapping[str, Any]) -> None:
    key = index["KeySchema"][0]["AttributeName"]

    assert {table.KEY, key, *index["Projection"]["NonKeyAttributes"]} == {*table.PUBLISHED_FIELDS}


def test_every_published_field_is_a_field_of_a_record() -> None:
    assert {*table.PUBLISHED_FIELDS} <= {*Payment.__struct_fields__}


def test_a_missing_table_is_created() -> None:
    dynamodb = Dynamodb()

    assert _ensure(dynamodb) == "table payments created"
    assert dynamodb.calls == [("create_table", table.definition(LOCAL))]


def test_a_table_created_at_the_same_time_is_no_error() -> None:
    assert _ensure(CreatedByAnother()) == "table payments is being created by another process"


def test_a_complete_table_is_not_changed() -> None:
    dynamodb = Dynamodb(ALL_INDEXES)

    assert _ensure(dynamodb) == "table payments exists; nothing to do"
    assert dynamodb.calls == []


def test_a_table_of_version_0_1_0_gets_its_missing_indexes() -> None:
    dynamodb = Dynamodb(ALL_INDEXES[:-2])

    result = _ensure(dynamodb)

    assert result == "table payments exists; added other_session_id-index, awaiting_funds_on-index"
    assert [arguments["AttributeDefinitions"] for _, arguments in dynamodb.calls] == [
        [{"AttributeName": "other_session_id", "AttributeType": "S"}],
        [{"AttributeName": "awaiting_funds_on", "AttributeType": "S"}],
    ]


def test_an_index_with_another_key_is_not_touched() -> None:
    dynamodb = Dynamodb(ALL_INDEXES)
    dynamodb.key_of["user_id-index"] = "customer"

    with pytest.raises(table.TableError, match=r"index user_id-index of table payments.*delete the index"):
        _ensure(dynamodb)

    assert dynamodb.calls == []


def test_a_table_on_aws_gets_protection_and_backups() -> None:
    dynamodb = Dynamodb(ALL_INDEXES)

    _ensure(dynamodb, AWS)

    assert [name for name, _ in dynamodb.calls] == ["update_table", "update_continuous_backups"]
    assert dynamodb.calls[0][1] == {"TableName": "payments", "DeletionProtectionEnabled": True}


def test_a_protected_table_gets_only_backups() -> None:
    dynamodb = Dynamodb(ALL_INDEXES)
    dynamodb.protected = True

    _ensure(dynamodb, AWS)

    assert [name for name, _ in dynamodb.calls] == ["update_continuous_backups"]


def test_init_waits_for_an_index_that_is_being_built() -> None:
    dynamodb = Dynamodb(ALL_INDEXES)
    dynamodb.statuses = ["CREATING", "CREATING", "ACTIVE"]

    assert _ensure(dynamodb) == "table payments exists; nothing to do"


def test_an_index_that_is_never_built_is_an_error_with_advice() -> None:
    dynamodb = Dynamodb(ALL_INDEXES)
    dynamodb.statuses = ["CREATING"]

    with pytest.raises(table.TableError, match="not active after 120 s: look at it in the AWS console"):
        _ensure(dynamodb)


def test_init_waits_for_a_database_that_is_starting() -> None:
    dynamodb = Dynamodb()
    dynamodb.unreachable = 2

    assert _ensure(dynamodb, wait_seconds=60) == "table payments created"


def test_without_waiting_a_database_is_tried_once() -> None:
    dynamodb = Dynamodb()
    dynamodb.unreachable = 2

    with pytest.raises(table.TableError, match=r"table payments at http://localhost:1: .* check DDB_ENDPOINT"):
        _ensure(dynamodb)

    assert dynamodb.unreachable == 1


def test_a_refusal_is_not_repeated() -> None:
    dynamodb = Dynamodb()
    dynamodb.refusal = ClientError({"Error": {"Code": "AccessDeniedException"}}, "DescribeTable")

    with pytest.raises(table.TableError, match=r"at AWS ap-southeast-1: .*AccessDenied.*permissions"):
        _ensure(dynamodb, AWS, wait_seconds=60)
