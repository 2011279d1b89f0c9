"""The table's definition as data, creating it, and the client that speaks to it; no payment is read or written here."""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnection

from lea_payments.settings import SettingsError, TableSettings
from lea_payments.store import connection

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEY = "payment_intent_id"
PUBLISHED_FIELDS = (
    "payment_intent_id",
    "user_id",
    "quote_id",
    "stripe_session_id",
    "stripe_payment_intent",
    "payment_status",
    "amount",
    "currency",
    "product_name",
    "created_at",
    "updated_at",
    "webhook_processed_at",
)
USER_INDEX = "user_id-index"
QUOTE_INDEX = "quote_id-index"
SESSION_INDEX = "stripe_session_id-index"
INTENT_INDEX = "stripe_payment_intent-index"
CREATE_SECONDS = 120
PAUSE_SECONDS = 1.0


class TableError(SettingsError):
    """Raised when the table cannot be made or is not as it must be; the text says what to do."""


def _index(name: str, key: str, projection: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "IndexName": name,
        "KeySchema": [{"AttributeName": key, "KeyType": "HASH"}],
        "Projection": projection,
    }


def _published(key: str) -> dict[str, Any]:
    carried = [field for field in PUBLISHED_FIELDS if field not in (KEY, key)]
    return {"ProjectionType": "INCLUDE", "NonKeyAttributes": carried}


PUBLISHED_INDEXES: tuple[Mapping[str, Any], ...] = (
    _index(USER_INDEX, "user_id", _published("user_id")),
    _index(QUOTE_INDEX, "quote_id", _published("quote_id")),
    _index(SESSION_INDEX, "stripe_session_id", _published("stripe_session_id")),
)
"""The three of the contract: each carries the whole contract, and not our history, which grows."""

OWN_INDEX: Mapping[str, Any] = _index(INTENT_INDEX, "stripe_payment_intent", {"ProjectionType": "KEYS_ONLY"})
"""Ours: disputes and refunds name nothing but Stripe's PaymentIntent, so only it leads from them to the payment."""

INDEXES = (*PUBLISHED_INDEXES, OWN_INDEX)


def definition(settings: TableSettings) -> dict[str, Any]:
    """The arguments of CreateTable for this environment; deletion protection on AWS only."""
    keys = [KEY, *(index["KeySchema"][0]["AttributeName"] for index in INDEXES)]
    return {
        "TableName": settings.table,
        "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"} for key in keys],
        "KeySchema": [{"AttributeName": KEY, "KeyType": "HASH"}],
        "GlobalSecondaryIndexes": [dict(index) for index in INDEXES],
        "BillingMode": "PAY_PER_REQUEST",
        "DeletionProtectionEnabled": connection.on_aws(settings),
    }


def ensure(dynamodb: "DynamoDBClient", settings: TableSettings, wait_seconds: float = 0.0) -> str:
    """Creates the table or adds what it lacks, waits until it can be used, and says what was done.

    A database that does not answer yet is asked again for `wait_seconds`. On AWS it switches on deletion protection and
    point-in-time recovery, too. Raises TableError when the database never answers, when the table stays unusable, or
    when a published index has another key than ours.
    """
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            return _ensure(dynamodb, settings)
        except (BotoCoreError, ClientError) as error:
            if isinstance(error, HTTPClientError | NoConnection) and time.monotonic() < deadline:
                time.sleep(PAUSE_SECONDS)
                continue
            where = settings.ddb_endpoint or f"AWS {settings.aws_region}"
            raise TableError(
                f"table {settings.table} at {where}: {error}; check DDB_ENDPOINT, AWS_REGION and the permissions"
            ) from None


def _ensure(dynamodb: "DynamoDBClient", settings: TableSettings) -> str:
    done = _create_or_complete(dynamodb, settings)
    _wait_until_active(dynamodb, settings.table)
    if connection.on_aws(settings):
        _protect(dynamodb, settings.table)
    return done


def _protect(dynamodb: "DynamoDBClient", table: str) -> None:
    if not dynamodb.describe_table(TableName=table)["Table"].get("DeletionProtectionEnabled"):
        dynamodb.update_table(TableName=table, DeletionProtectionEnabled=True)
    dynamodb.update_continuous_backups(
        TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )


def _create_or_complete(dynamodb: "DynamoDBClient", settings: TableSettings) -> str:
    try:
        found = dynamodb.describe_table(TableName=settings.table)["Table"]
    except dynamodb.exceptions.ResourceNotFoundException:
        return _create(dynamodb, settings)
    present = {index["IndexName"]: index for index in found.get("GlobalSecondaryIndexes", [])}
    for index in INDEXES:
        name = index["IndexName"]
        if name in present:
            _same_key(settings.table, name, present[name]["KeySchema"], index["KeySchema"])
            continue
        key = index["KeySchema"][0]["AttributeName"]
        dynamodb.update_table(
            TableName=settings.table,
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
            GlobalSecondaryIndexUpdates=[{"Create": dict(index)}],  # type: ignore[typeddict-item]
        )
        _wait_until_active(dynamodb, settings.table)
    missing = [index["IndexName"] for index in INDEXES if index["IndexName"] not in present]
    if missing:
        return f"table {settings.table} was there; added {', '.join(missing)}"
    return f"table {settings.table} is there already; nothing to do"


def _create(dynamodb: "DynamoDBClient", settings: TableSettings) -> str:
    try:
        dynamodb.create_table(**definition(settings))
    except dynamodb.exceptions.ResourceInUseException:
        return f"table {settings.table} is being created by another"
    return f"table {settings.table} created"


def _same_key(table: str, name: str, found: Any, wanted: Any) -> None:
    if list(found) != list(wanted):
        raise TableError(
            f"index {name} of table {table} has the key {found}, not {wanted}: delete that index and run this again"
        )


def _wait_until_active(dynamodb: "DynamoDBClient", table: str) -> None:
    deadline = time.monotonic() + CREATE_SECONDS
    while time.monotonic() < deadline:
        found = dynamodb.describe_table(TableName=table)["Table"]
        indexes = found.get("GlobalSecondaryIndexes", [])
        if found["TableStatus"] == "ACTIVE" and all(index["IndexStatus"] == "ACTIVE" for index in indexes):
            return
        time.sleep(0.2)
    raise TableError(
        f"table {table} is not active after {CREATE_SECONDS} s: look at it in the AWS console and run this again"
    )
