"""Defines the table of payments and creates it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import stamina
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as BotoConnectionError

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
OTHER_SESSION_INDEX = "other_session_id-index"
AWAITING_INDEX = "awaiting_funds_on-index"
ACTIVE_SECONDS = 120
"""The time limit for a table or an index to become active."""

PAUSE_SECONDS = 1.0
"""The pause between two tries to reach the database."""


class TableError(SettingsError):
    """Raised when the table cannot be created or completed. The message says what to do."""


def _index(name: str, key: str, projection: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "IndexName": name,
        "KeySchema": [{"AttributeName": key, "KeyType": "HASH"}],
        "Projection": projection,
    }


def _published(key: str) -> dict[str, Any]:
    fields = [field for field in PUBLISHED_FIELDS if field not in (KEY, key)]
    return {"ProjectionType": "INCLUDE", "NonKeyAttributes": fields}


PUBLISHED_INDEXES: tuple[Mapping[str, Any], ...] = (
    _index(USER_INDEX, "user_id", _published("user_id")),
    _index(QUOTE_INDEX, "quote_id", _published("quote_id")),
    _index(SESSION_INDEX, "stripe_session_id", _published("stripe_session_id")),
)
"""The indexes of the published contract. Each has all published fields, but not the history, which grows."""

_KEYS_ONLY = {"ProjectionType": "KEYS_ONLY"}
OWN_INDEXES: tuple[Mapping[str, Any], ...] = (
    _index(INTENT_INDEX, "stripe_payment_intent", _KEYS_ONLY),
    _index(OTHER_SESSION_INDEX, "other_session_id", _KEYS_ONLY),
    _index(AWAITING_INDEX, "awaiting_funds_on", _KEYS_ONLY),
)
"""Our own indexes, for what each of them finds: see USES. Few records have the fields of the last two."""

USES: Mapping[str, str] = {
    INTENT_INDEX: "disputes and refunds cannot be matched to payments",
    OTHER_SESSION_INDEX: "the customer of a payment's other session gets no page",
    AWAITING_INDEX: "the reconciler does not find delayed payments that have settled without an event",
}
"""What does not work without one of our own indexes."""

INDEXES = (*PUBLISHED_INDEXES, *OWN_INDEXES)


def definition(settings: TableSettings) -> dict[str, Any]:
    """CreateTable's arguments for this environment. Deletion protection is on only on AWS."""
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
    """Creates the table or adds what it lacks, waits until it is active, and returns a sentence about the result.

    Waits up to `wait_seconds` for the database to respond. On AWS it also switches on deletion protection and
    point-in-time recovery. Raises TableError if the database does not respond, if the table does not become active, or
    if one of its indexes has another key.
    """
    retry = stamina.RetryingCaller(
        attempts=None if wait_seconds else 1,
        timeout=wait_seconds or None,
        wait_initial=PAUSE_SECONDS,
        wait_max=PAUSE_SECONDS,
        wait_jitter=0,
    )
    try:
        return retry((BotoConnectionError, HTTPClientError), _ensure, dynamodb, settings)
    except (BotoCoreError, ClientError) as error:
        where = settings.ddb_endpoint or f"AWS {settings.aws_region}"
        raise TableError(
            f"table {settings.table} at {where}: {error}; check DDB_ENDPOINT, AWS_REGION and the permissions"
        ) from None


def _ensure(dynamodb: "DynamoDBClient", settings: TableSettings) -> str:
    result = _create_or_complete(dynamodb, settings)
    _wait_until_active(dynamodb, settings.table)
    if connection.on_aws(settings):
        _protect(dynamodb, settings.table)
    return result


def _protect(dynamodb: "DynamoDBClient", table: str) -> None:
    if not dynamodb.describe_table(TableName=table)["Table"].get("DeletionProtectionEnabled"):
        dynamodb.update_table(TableName=table, DeletionProtectionEnabled=True)
    dynamodb.update_continuous_backups(
        TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )


def _create_or_complete(dynamodb: "DynamoDBClient", settings: TableSettings) -> str:
    try:
        description = dynamodb.describe_table(TableName=settings.table)["Table"]
    except dynamodb.exceptions.ResourceNotFoundException:
        return _create(dynamodb, settings)
    existing = {index["IndexName"]: index["KeySchema"] for index in description.get("GlobalSecondaryIndexes", [])}
    added = []
    for index in INDEXES:
        name = index["IndexName"]
        if name in existing:
            _check_key(settings.table, name, existing[name], index["KeySchema"])
        else:
            _add_index(dynamodb, settings.table, index)
            added.append(name)
    if added:
        return f"table {settings.table} exists; added {', '.join(added)}"
    return f"table {settings.table} exists; nothing to do"


def _add_index(dynamodb: "DynamoDBClient", table: str, index: Mapping[str, Any]) -> None:
    dynamodb.update_table(
        TableName=table,
        AttributeDefinitions=[{"AttributeName": index["KeySchema"][0]["AttributeName"], "AttributeType": "S"}],
        GlobalSecondaryIndexUpdates=[{"Create": dict(index)}],  # type: ignore[typeddict-item]
    )
    # DynamoDB creates one index at a time.
    _wait_until_active(dynamodb, table)


def _create(dynamodb: "DynamoDBClient", settings: TableSettings) -> str:
    try:
        dynamodb.create_table(**definition(settings))
    except dynamodb.exceptions.ResourceInUseException:
        return f"table {settings.table} is being created by another process"
    return f"table {settings.table} created"


def _check_key(table: str, name: str, key: Any, expected: Any) -> None:
    if list(key) != list(expected):
        raise TableError(
            f"index {name} of table {table} has the key {key}, not {expected}: delete the index and run this again"
        )


class _NotActiveError(Exception):
    """Raised while the table or one of its indexes is being created or changed."""


def _check_active(dynamodb: "DynamoDBClient", table: str) -> None:
    description = dynamodb.describe_table(TableName=table)["Table"]
    indexes = description.get("GlobalSecondaryIndexes", [])
    if {description["TableStatus"], *(index["IndexStatus"] for index in indexes)} != {"ACTIVE"}:
        raise _NotActiveError


def _wait_until_active(dynamodb: "DynamoDBClient", table: str) -> None:
    retry = stamina.RetryingCaller(attempts=None, timeout=ACTIVE_SECONDS, wait_initial=0.2, wait_max=0.2, wait_jitter=0)
    try:
        retry(_NotActiveError, _check_active, dynamodb, table)
    except _NotActiveError:
        raise TableError(
            f"table {table} is not active after {ACTIVE_SECONDS} s: look at it in the AWS console and run this again"
        ) from None
