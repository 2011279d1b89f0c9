"""Checks the permissions on the table with real calls; its writes have conditions that never hold."""

import asyncio
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from lea_payments.commands.checks.finding import Finding, note, ok, wrong
from lea_payments.commands.checks.settings import CheckSettings
from lea_payments.store import connection, table
from lea_payments.store.batch.call import BatchCall
from lea_payments.store.dynamodb import code_of, problem_of
from lea_payments.store.statements import pings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TRIES = 3
DENIED = ("AccessDeniedException", "AccessDenied")
_ALLOWED = ("ConditionalCheckFailedException", "ConditionalCheckFailed")
_REMEDIES = {"ValidationException": "the table or an index differs from its definition: run lea-payments init-table"}
_NO_PAYMENT = {table.KEY: {"S": pings.NO_PAYMENT}}


def _get(dynamodb: "DynamoDBClient", settings: CheckSettings) -> None:
    dynamodb.get_item(TableName=settings.table, Key=_NO_PAYMENT, ConsistentRead=True)


def _get_many(dynamodb: "DynamoDBClient", settings: CheckSettings) -> None:
    dynamodb.batch_get_item(RequestItems={settings.table: {"Keys": [_NO_PAYMENT], "ConsistentRead": True}})


def _query(dynamodb: "DynamoDBClient", settings: CheckSettings) -> None:
    """Queries every index: a policy can allow some of them only."""
    for index in table.INDEXES:
        try:
            dynamodb.query(
                TableName=settings.table,
                IndexName=index["IndexName"],
                KeyConditionExpression=f"{index['KeySchema'][0]['AttributeName']} = :none",
                ExpressionAttributeValues={":none": {"S": pings.NO_PAYMENT}},
            )
        except ClientError as error:
            # One of our own indexes can be missing: the check of the table's definition reports it.
            if index not in table.OWN_INDEXES or code_of(error) != "ValidationException":
                raise


def _partiql(dynamodb: "DynamoDBClient", settings: CheckSettings) -> None:
    """Takes the way of a delivery: the same client and connection."""
    write = pings.without_effect(settings.table)

    async def send() -> list[dict[str, Any]]:
        batch = BatchCall(dynamodb.meta.endpoint_url, settings.aws_region, connection.session(settings))
        try:
            return await batch([(write.text, write.parameters)])
        finally:
            await batch.close()

    for result in asyncio.run(send()):
        if "Error" in result:
            raise ClientError({"Error": {"Code": result["Error"].get("Code", "")}}, "BatchExecuteStatement")


def _put(dynamodb: "DynamoDBClient", settings: CheckSettings) -> None:
    dynamodb.put_item(**pings.creation_without_effect(settings.table))


def _update(dynamodb: "DynamoDBClient", settings: CheckSettings) -> None:
    dynamodb.update_item(
        TableName=settings.table,
        Key=_NO_PAYMENT,
        UpdateExpression="SET updated_at = :none",
        ConditionExpression=pings.NEVER,
        ExpressionAttributeValues={":none": {"S": pings.NO_PAYMENT}},
    )


class _Permission(NamedTuple):
    action: str
    call: Callable[["DynamoDBClient", CheckSettings], None]


_FOR_ALL = (_Permission("GetItem", _get), _Permission("Query", _query))
_FOR_EVENTS = (_Permission("PartiQLUpdate", _partiql),)
_FOR_NOTIFIER = (_Permission("UpdateItem", _update),)
_FOR_CHECKOUT = (_Permission("BatchGetItem", _get_many), _Permission("PutItem", _put), *_FOR_NOTIFIER)


def findings(dynamodb: "DynamoDBClient", settings: CheckSettings) -> Iterator[Finding]:
    """Checks the permissions of the services whose settings are set."""
    needed = [*_FOR_ALL]
    needed += _FOR_EVENTS if settings.applies_events else ()
    needed += _FOR_CHECKOUT if settings.api_tokens else _FOR_NOTIFIER if settings.sends_notifications else ()
    allowed = []
    for permission in needed:
        error = _error_of(permission, dynamodb, settings)
        code = code_of(error) if error else ""
        if error is None or code in _ALLOWED:
            allowed.append(permission.action)
        elif code in DENIED:
            remedy = "allow it for this role on the table and its indexes"
            yield wrong("permissions", f"dynamodb:{permission.action} is not allowed", remedy)
        else:
            problem = problem_of(error, dynamodb.meta.endpoint_url)
            yield wrong("permissions", f"{permission.action} fails: {problem}", _REMEDIES.get(code, "run this again"))
    if allowed:
        yield ok("permissions", f"allowed: {', '.join(allowed)}")
    if len(needed) == len(_FOR_ALL):
        says = "writes were not tried: set STRIPE_WEBHOOK_SECRET, STRIPE_SECRET_KEY or PAYMENTS_API_TOKEN to try them"
        yield note("permissions", says)


def _error_of(
    permission: _Permission, dynamodb: "DynamoDBClient", settings: CheckSettings
) -> ClientError | BotoCoreError | None:
    """The error of a call. Without a response it is repeated, as the services do: a first connection can be slow."""
    result: ClientError | BotoCoreError | None = None
    for _ in range(TRIES):
        try:
            permission.call(dynamodb, settings)
        except ClientError as error:
            return error
        except BotoCoreError as error:
            result = error
        else:
            return None
    return result
