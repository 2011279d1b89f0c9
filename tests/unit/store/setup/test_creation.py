from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import pytest
import stamina
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError, ReadTimeoutError

from lea_payments.settings import TableSettings
from lea_payments.store import table
from lea_payments.store.setup import creation
from lea_payments.store.setup.patience import TEMPORARY_CODES

LOCAL = TableSettings.model_validate({"DDB_ENDPOINT": "http://localhost:1", "DYNAMODB_PAYMENTS_TABLE": "payments"})
AWS = TableSettings.model_validate({"DDB_ENDPOINT": "", "DYNAMODB_PAYMENTS_TABLE": "payments"})
ALL_INDEXES = [index["IndexName"] for index in table.INDEXES]
OWN_INDEXES = [index["IndexName"] for index in table.OWN_INDEXES]


@pytest.fixture(autouse=True)
def no_pauses() -> Iterator[None]:
    stamina.instrumentation.set_on_retry_hooks(())
    with stamina.set_testing(True, attempts=3, cap=True):
        yield
    stamina.instrumentation.set_on_retry_hooks(None)


def _error(code: str, status: int = 400) -> ClientError:
    response: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "DescribeTable")


class Dynamodb:
    """A client of a database with at most one table, whose calls are recorded.

    The problems of a call are raised one after the other; the last one is repeated if `for_ever` has its name. The
    indexes have the statuses, one after the other, and the last one from then on.
    """

    def __init__(self, indexes: Sequence[str] | None = None) -> None:
        self.indexes = None if indexes is None else [*indexes]
        self.key_of: dict[str, str] = {}
        self.statuses = ["ACTIVE"]
        self.status_of: dict[str, str] = {}
        self.table_status = "ACTIVE"
        self.problems: dict[str, list[Exception]] = {}
        self.for_ever: set[str] = set()
        self.protected = self.streams = False
        self.calls: list[tuple[str, Mapping[str, Any]]] = []

    def describe_table(self, **_: Any) -> dict[str, Any]:
        self._raise_problem("describe_table")
        if self.indexes is None:
            raise _error("ResourceNotFoundException")
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        described = [
            {"IndexName": name, "IndexStatus": self.status_of.get(name, status), "KeySchema": self._key(name)}
            for name in self.indexes
        ]
        description = {"TableStatus": self.table_status, "GlobalSecondaryIndexes": described}
        stream = {"StreamSpecification": {"StreamEnabled": True}} if self.streams else {}
        return {"Table": description | {"DeletionProtectionEnabled": self.protected} | stream}

    def create_table(self, **arguments: Any) -> None:
        self.calls.append(("create_table", arguments))
        self.indexes = [*ALL_INDEXES]
        self._raise_problem("create_table")

    def update_table(self, **arguments: Any) -> None:
        self._raise_problem("update_table")
        self.calls.append(("update_table", arguments))
        for update in arguments.get("GlobalSecondaryIndexUpdates", []):
            assert self.indexes is not None
            self.indexes.append(update["Create"]["IndexName"])

    def update_continuous_backups(self, **arguments: Any) -> None:
        self._raise_problem("update_continuous_backups")
        self.calls.append(("update_continuous_backups", arguments))

    def _raise_problem(self, name: str) -> None:
        problems = self.problems.get(name, [])
        if problems:
            raise problems[0] if name in self.for_ever else problems.pop(0)

    def _key(self, name: str) -> list[dict[str, str]]:
        usual = next(index["KeySchema"] for index in table.INDEXES if index["IndexName"] == name)
        return [{"AttributeName": self.key_of[name], "KeyType": "HASH"}] if name in self.key_of else [*usual]


UNREACHABLE = EndpointConnectionError(endpoint_url="http://localhost:1")


def _ensure(dynamodb: Dynamodb, settings: TableSettings = LOCAL, wait_seconds: float = 0.0) -> str:
    return creation.ensure(cast("Any", dynamodb), settings, wait_seconds)


def test_a_missing_table_is_created() -> None:
    dynamodb = Dynamodb()

    assert _ensure(dynamodb) == "table payments created"
    assert dynamodb.calls == [("create_table", table.definition(LOCAL))]


def test_a_table_created_at_the_same_time_is_no_error() -> None:
    dynamodb = Dynamodb()
    dynamodb.problems["create_table"] = [_error("ResourceInUseException")]

    assert _ensure(dynamodb) == "table payments is being created by another process"


def test_a_complete_table_is_not_changed() -> None:
    dynamodb = Dynamodb(ALL_INDEXES)

    assert _ensure(dynamodb) == "table payments exists; nothing to do"
    assert dynamodb.calls == []


def test_a_table_of_version_0_1_0_gets_its_missing_indexes() -> None:
    dynamodb = Dynamodb(ALL_INDEXES[:-3])

    result = _ensure(dynamodb)

    assert result == "table payments exists; added other_session_id-index, awaiting_funds_on-index, notify-index"
    assert [arguments["AttributeDefinitions"] for _, arguments in dynamodb.calls] == [
        [{"AttributeName": "other_session_id", "AttributeType": "S"}],
        [{"AttributeName": "awaiting_funds_on", "AttributeType": "S"}],
        [
            {"AttributeName": "notify_shard", "AttributeType": "S"},
            {"AttributeName": "notify_at", "AttributeType": "N"},
        ],
    ]


def test_an_index_with_another_key_is_not_touched() -> None:
    dynamodb = Dynamodb(ALL_INDEXES)
    dynamodb.key_of["user_id-index"] = "customer"

    with pytest.raises(creation.TableError, match=r"index user_id-index of table payments.*delete the index"):
        _ensure(dynamodb)

    assert dynamodb.calls == []


def test_a_table_on_aws_gets_protection_and_backups() -> None:
    dynamodb = Dynamodb(ALL_INDEXES)

    _ensure(dynamodb, AWS)

    assert [name for name, _ in dynamodb.calls] == ["update_table", "update_table", "update_continuous_backups"]
    assert dynamodb.calls[1][1] == {"TableName": "payments", "DeletionProtectionEnabled": True}
    stream = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert dynamodb.calls[0][1] == {"TableName": "payments", "StreamSpecification": stream}


def test_a_protected_table_gets_only_backups() -> None:
    dynamodb = Dynamodb(ALL_INDEXES)
    dynamodb.protected = dynamodb.streams = True

    _ensure(dynamodb, AWS)

    assert [name for name, _ in dynamodb.calls] == ["update_continuous_backups"]


def test_init_waits_for_an_index_that_is_being_built() -> None:
    dynamodb = Dynamodb(ALL_INDEXES)
    dynamodb.statuses = ["CREATING", "CREATING", "ACTIVE"]

    assert _ensure(dynamodb) == "table payments exists; nothing to do"


@pytest.mark.parametrize(
    ("index", "table_status", "problem"),
    [
        ("user_id-index", "ACTIVE", "the status of its index user_id-index is CREATING"),
        (None, "CREATING", "its status is CREATING"),
        (None, "ARCHIVED", "its status is ARCHIVED"),
    ],
)
def test_what_the_services_need_must_become_active(index: str | None, table_status: str, problem: str) -> None:
    dynamodb = Dynamodb(ALL_INDEXES)
    dynamodb.table_status = table_status
    dynamodb.status_of = {index: "CREATING"} if index else {}

    with pytest.raises(creation.TableError, match=f"table payments: {problem} after 30 s: look at it in the AWS"):
        _ensure(dynamodb)


def test_a_table_that_is_being_updated_can_be_used() -> None:
    dynamodb = Dynamodb(ALL_INDEXES)
    dynamodb.table_status = "UPDATING"

    assert _ensure(dynamodb) == "table payments exists; nothing to do"


LATE = "which DynamoDB goes on with; until then"


@pytest.mark.parametrize("index", OWN_INDEXES)
def test_an_index_of_our_own_that_is_being_built_is_no_error(index: str) -> None:
    dynamodb = Dynamodb(ALL_INDEXES)
    dynamodb.status_of, dynamodb.protected, dynamodb.streams = {index: "CREATING"}, True, True

    result = _ensure(dynamodb, AWS)

    assert result == f"table payments exists; index {index} is still being built, {LATE} {table.USES[index]}"
    assert [name for name, _ in dynamodb.calls] == ["update_continuous_backups"]


def test_a_table_whose_index_is_built_is_protected_later() -> None:
    dynamodb = Dynamodb(ALL_INDEXES)
    dynamodb.status_of = {OWN_INDEXES[0]: "CREATING"}

    result = _ensure(dynamodb, AWS)

    assert "; its deletion protection cannot be switched on while an index is built: run this again" in result
    assert "exists; its stream cannot be switched on while an index is built: run this again" in result
    assert [name for name, _ in dynamodb.calls] == ["update_continuous_backups"]


def test_an_index_built_for_hours_leaves_the_next_for_later() -> None:
    dynamodb = Dynamodb(ALL_INDEXES[:3])
    dynamodb.status_of = {OWN_INDEXES[0]: "CREATING"}

    result = _ensure(dynamodb)

    first, *others = OWN_INDEXES
    assert result == "; ".join(
        [
            f"table payments exists; added {first}",
            f"index {first} is still being built, {LATE} {table.USES[first]}",
            *(
                f"index {name} is still missing, so {table.USES[name]}: run this again when the others are active"
                for name in others
            ),
        ]
    )


def test_an_index_that_cannot_be_added_yet_is_no_error() -> None:
    dynamodb = Dynamodb(ALL_INDEXES[:-1])
    dynamodb.problems["update_table"] = [_error("LimitExceededException")]
    dynamodb.for_ever = {"update_table"}

    assert f"index {ALL_INDEXES[-1]} is still missing" in _ensure(dynamodb)


def test_a_published_index_that_cannot_be_added_is_an_error() -> None:
    dynamodb = Dynamodb(ALL_INDEXES[1:])
    dynamodb.problems["update_table"] = [_error("LimitExceededException")]
    dynamodb.for_ever = {"update_table"}

    with pytest.raises(creation.TableError, match=r"LimitExceeded.*busy for 30 s with adding index user_id-index"):
        _ensure(dynamodb)


def test_an_index_that_must_not_be_added_is_an_error() -> None:
    dynamodb = Dynamodb(ALL_INDEXES[:-1])
    dynamodb.problems["update_table"] = [_error("AccessDeniedException")]

    with pytest.raises(creation.TableError, match=r"AccessDenied.*the permissions"):
        _ensure(dynamodb)


@pytest.mark.parametrize("call", ["describe_table", "create_table", "update_table", "update_continuous_backups"])
@pytest.mark.parametrize(
    "problem",
    [
        *(_error(code) for code in sorted(TEMPORARY_CODES - {"ResourceInUseException"})),
        _error("InternalServerError", 500),
        _error("unknown", 503),
        ReadTimeoutError(endpoint_url="http://localhost:1"),
        ConnectionClosedError(endpoint_url="http://localhost:1"),
        UNREACHABLE,
    ],
    ids=lambda problem: (
        problem.response["Error"]["Code"] if isinstance(problem, ClientError) else type(problem).__name__
    ),
)
def test_a_temporary_problem_of_any_call_is_repeated(call: str, problem: Exception) -> None:
    dynamodb = Dynamodb()
    dynamodb.problems[call] = [problem, problem]

    _ensure(dynamodb, AWS)

    assert dynamodb.problems[call] == []
    assert dynamodb.calls[-1][0] == "update_continuous_backups"


def test_backups_that_stay_unavailable_are_an_error() -> None:
    dynamodb = Dynamodb()
    dynamodb.problems["update_continuous_backups"] = [_error("ContinuousBackupsUnavailableException")]
    dynamodb.for_ever = {"update_continuous_backups"}

    with pytest.raises(creation.TableError, match=r"ContinuousBackups.*busy for 240 s with switching on the point-in-"):
        _ensure(dynamodb, AWS)


def test_init_waits_for_a_database_that_is_starting() -> None:
    dynamodb = Dynamodb()
    dynamodb.problems["describe_table"] = [UNREACHABLE] * 2

    assert _ensure(dynamodb, wait_seconds=60) == "table payments created"


def test_without_waiting_a_database_is_tried_once() -> None:
    dynamodb = Dynamodb()
    dynamodb.problems["describe_table"] = [UNREACHABLE] * 2

    with pytest.raises(creation.TableError, match=r"table payments at http://localhost:1: .* check DDB_ENDPOINT"):
        _ensure(dynamodb)

    assert len(dynamodb.problems["describe_table"]) == 1


def test_a_refusal_is_not_repeated() -> None:
    dynamodb = Dynamodb()
    dynamodb.problems["describe_table"] = [_error("AccessDeniedException")] * 2

    with pytest.raises(creation.TableError, match=r"at AWS ap-southeast-1: .*AccessDenied.*permissions"):
        _ensure(dynamodb, AWS, wait_seconds=60)

    assert len(dynamodb.problems["describe_table"]) == 1


class Vanishing(Dynamodb):
    """A database whose table is deleted after it was read."""

    def describe_table(self, **arguments: Any) -> dict[str, Any]:
        answer = super().describe_table(**arguments)
        self.indexes = None
        return answer


def test_a_table_that_vanishes_is_an_error() -> None:
    with pytest.raises(creation.TableError, match="it does not exist yet after 30 s"):
        _ensure(Vanishing(ALL_INDEXES))
