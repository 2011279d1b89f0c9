"""Creates the table of payments, or adds what an existing table lacks."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from lea_payments.settings import SettingsError, TableSettings
from lea_payments.store import connection, table
from lea_payments.store.dynamodb import code_of
from lea_payments.store.setup.patience import NotYetError, Patience, is_busy

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

AWS_SECONDS = 240.0
"""How long AWS may take: less than the five minutes after which Helm gives up, so that the Job still says why."""

LOCAL_SECONDS = 30.0
"""How long another DynamoDB may take that can be reached."""

ACTIVE = "ACTIVE"
USABLE = (ACTIVE, "UPDATING")
"""The statuses of a table that can be read and written; it is updated while an index is built."""

Description = Mapping[str, Any]
Index = Mapping[str, Any]
Says = Callable[[str], object]
"""Called with what is being waited for."""


READ_SECONDS = 60.0
"""The time limit of one call: the control plane of AWS can take many seconds, where reading an item takes few ms."""


class _Switch(NamedTuple):
    """What UpdateTable switches on, one call each."""

    name: str
    is_on: Callable[[Description], object]
    arguments: Mapping[str, Any]


_SWITCHES: Sequence[_Switch] = (
    # The stream first: in DynamoDB Local, a later call would switch the protection off again.
    _Switch(
        "stream",
        lambda now: now.get("StreamSpecification", {}).get("StreamEnabled"),
        {"StreamSpecification": table.STREAM},
    ),
    _Switch(
        "deletion protection", lambda now: now.get("DeletionProtectionEnabled"), {"DeletionProtectionEnabled": True}
    ),
)


class TableError(SettingsError):
    """Raised when the table cannot be created or completed. The message says what to do."""


def client(settings: TableSettings) -> "DynamoDBClient":
    """A client with time limits for the control plane."""
    return connection.client(settings, read_seconds=READ_SECONDS)


def ensure(
    dynamodb: "DynamoDBClient", settings: TableSettings, wait_seconds: float = 0.0, says: Says = lambda _: None
) -> str:
    """Creates the table or adds what it lacks, and returns a sentence about the result.

    On AWS it also switches on deletion protection, the stream and point-in-time recovery. Repeats calls that fail for a
    temporary reason for `wait_seconds`, by default for AWS_SECONDS or LOCAL_SECONDS. Only on AWS and with
    `wait_seconds`, a database that cannot be reached counts as one that is starting. An index of our own that takes
    longer does not stop an upgrade: the services work without it, and DynamoDB goes on building it.

    Raises TableError if the database does not respond, if a published part of the table does not become active, or if
    an index has another key.
    """
    on_aws = connection.on_aws(settings)
    seconds = wait_seconds or (AWS_SECONDS if on_aws else LOCAL_SECONDS)
    patience = Patience(seconds, waits_for_start=on_aws or wait_seconds > 0)
    creation = _Creation(dynamodb, settings, patience, says)
    try:
        return creation.run()
    except NotYetError as error:
        raise TableError(
            f"table {settings.table}: {error} after {seconds:g} s: look at it in the AWS console and run this again"
        ) from None
    except (BotoCoreError, ClientError) as error:
        where = settings.ddb_endpoint or f"AWS {settings.aws_region}"
        if is_busy(error):
            remedy = f"DynamoDB was busy for {seconds:g} s with {creation.activity}: run this again"
        else:
            remedy = "check DDB_ENDPOINT, AWS_REGION and the permissions"
        raise TableError(f"table {settings.table} at {where}: {error}; {remedy}") from None


class _Creation:
    """One run. `activity` is what it does now."""

    def __init__(self, dynamodb: "DynamoDBClient", settings: TableSettings, patience: Patience, says: Says) -> None:
        self._dynamodb = dynamodb
        self._settings = settings
        self._table = settings.table
        self._patience = patience
        self._says = says
        self.activity = ""

    def run(self) -> str:
        """The result as a sentence."""
        self._does(f"reading table {self._table}")
        before = self._patience.call(self._description)
        if before is None:
            created = self._create()
            self._wait_for(table.INDEXES)
            return "; ".join([created, *self._protect()])
        for index in table.INDEXES:
            _check_key(self._table, index, before)
        self._wait_for([index for index in table.PUBLISHED_INDEXES if _status(before, index)])
        # The protection first: later it would have to wait until the indexes are built.
        notes = [*self._protect(), *self._complete(before)]
        return f"table {self._table} exists; {'; '.join(notes) or 'nothing to do'}"

    def _does(self, activity: str) -> None:
        self.activity = activity
        self._says(activity)

    def _description(self) -> Description | None:
        """The table as it is, or None if there is none."""
        try:
            return self._dynamodb.describe_table(TableName=self._table)["Table"]
        except ClientError as error:
            if code_of(error) == "ResourceNotFoundException":
                return None
            raise

    def _create(self) -> str:
        self._does(f"creating table {self._table}")
        return self._patience.call(self._create_once)

    def _create_once(self) -> str:
        try:
            self._dynamodb.create_table(**table.definition(self._settings))
        except ClientError as error:
            if code_of(error) == "ResourceInUseException":  # or an earlier try, whose response was lost
                return f"table {self._table} is being created by another process"
            raise
        return f"table {self._table} created"

    def _protect(self) -> Iterator[str]:
        """Switches on what a table on AWS has; says what cannot be done now."""
        if not connection.on_aws(self._settings):
            return
        now = self._patience.call(self._description) or {}
        is_building = any(each["IndexStatus"] != ACTIVE for each in now.get("GlobalSecondaryIndexes", []))
        for name, is_on, arguments in _SWITCHES:
            if is_on(now):
                continue
            if is_building:
                yield f"its {name} cannot be switched on while an index is built: run this again afterwards"
            else:
                self._does(f"switching on the {name} of table {self._table}")
                self._patience.call(self._dynamodb.update_table, TableName=self._table, **arguments)
        self._does(f"switching on the point-in-time recovery of table {self._table}")
        self._patience.call(
            self._dynamodb.update_continuous_backups,
            TableName=self._table,
            PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
        )

    def _complete(self, before: Description) -> Iterator[str]:
        """Adds the missing indexes, and says what was done. DynamoDB builds one index at a time.

        An index of our own that takes too long ends this, but without an error: the services work without it.
        """
        missing = [index for index in table.INDEXES if not _status(before, index)]
        added: list[str] = []
        for index in missing:
            try:
                self._add(index)
                added.append(index["IndexName"])
                self._wait_for([index])
            except (NotYetError, ClientError) as error:
                if index not in table.OWN_INDEXES or not (isinstance(error, NotYetError) or is_busy(error)):
                    raise
                break
        if added:
            yield f"added {', '.join(added)}"
        yield from self._unfinished()

    def _add(self, index: Index) -> None:
        self._does(f"adding index {index['IndexName']} to table {self._table}")
        self._patience.call(
            self._dynamodb.update_table,
            TableName=self._table,
            AttributeDefinitions=[table.key_definition(name) for name in table.key_names(index)],
            GlobalSecondaryIndexUpdates=[{"Create": dict(index)}],
        )

    def _unfinished(self) -> Iterator[str]:
        """The indexes of our own that are missing or not active, and what does not work until they are."""
        now = self._patience.call(self._description) or {}
        statuses = {index["IndexName"]: _status(now, index) for index in table.OWN_INDEXES}
        for name, status in statuses.items():
            if status == "":
                yield f"index {name} is still missing, so {table.USES[name]}: run this again when the others are active"
            elif status != ACTIVE:
                yield f"index {name} is still being built, which DynamoDB goes on with; until then {table.USES[name]}"

    def _wait_for(self, indexes: Iterable[Index]) -> None:
        """Waits until the table can be used and these indexes are active. Raises NotYetError."""
        names = [str(index["IndexName"]) for index in indexes]
        self._does(f"waiting for table {self._table}" + (f" and its index {names[0]}" if len(names) == 1 else ""))
        self._patience.call(self._check_active, names=names)

    def _check_active(self, names: Sequence[str]) -> None:
        now = self._description()
        if now is None:
            raise NotYetError("it does not exist yet")
        if now["TableStatus"] not in USABLE:
            raise NotYetError(f"its status is {now['TableStatus']}")
        for index in now.get("GlobalSecondaryIndexes", []):
            if index["IndexName"] in names and index["IndexStatus"] != ACTIVE:
                raise NotYetError(f"the status of its index {index['IndexName']} is {index['IndexStatus']}")


def _status(description: Description, index: Index) -> str:
    """The status of an index; empty if the table does not have it."""
    indexes = description.get("GlobalSecondaryIndexes", [])
    return next((str(each["IndexStatus"]) for each in indexes if each["IndexName"] == index["IndexName"]), "")


def _check_key(table_name: str, index: Index, description: Description) -> None:
    name, expected = index["IndexName"], index["KeySchema"]
    for existing in description.get("GlobalSecondaryIndexes", []):
        if existing["IndexName"] == name and list(existing["KeySchema"]) != list(expected):
            raise TableError(
                f"index {name} of table {table_name} has the key {existing['KeySchema']}, not {expected}: "
                "delete the index and run this again"
            )
