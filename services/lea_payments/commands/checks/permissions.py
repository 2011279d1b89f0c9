"""Checks the permissions on the table with real calls; its writes have conditions that never hold."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from lea_payments.commands.checks.finding import Finding, note, ok, wrong
from lea_payments.commands.checks.settings import CheckSettings
from lea_payments.store import statements, table
from lea_payments.store.dynamodb import code_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

DENIED = ("AccessDeniedException", "AccessDenied")
_ALLOWED = ("", "ConditionalCheckFailedException", "ConditionalCheckFailed")
_REMEDIES = {"ValidationException": "the table or an index differs from its definition: run lea-payments init-table"}
_NO_PAYMENT = {table.KEY: {"S": statements.NO_PAYMENT}}


def _get(dynamodb: "DynamoDBClient", name: str) -> None:
    dynamodb.get_item(TableName=name, Key=_NO_PAYMENT, ConsistentRead=True)


def _query(dynamodb: "DynamoDBClient", name: str) -> None:
    """Queries every index: a policy can allow some of them only."""
    for index in table.INDEXES:
        try:
            dynamodb.query(
                TableName=name,
                IndexName=index["IndexName"],
                KeyConditionExpression=f"{index['KeySchema'][0]['AttributeName']} = :none",
                ExpressionAttributeValues={":none": {"S": statements.NO_PAYMENT}},
            )
        except ClientError as error:
            # One of our own indexes can be missing: the check of the table's definition reports it.
            if index not in table.OWN_INDEXES or code_of(error) != "ValidationException":
                raise


def _partiql(dynamodb: "DynamoDBClient", name: str) -> None:
    write = statements.without_effect(name)
    response = dynamodb.batch_execute_statement(Statements=[{"Statement": write.text, "Parameters": write.parameters}])
    for result in response["Responses"]:
        if "Error" in result:
            raise ClientError({"Error": {"Code": result["Error"].get("Code", "")}}, "BatchExecuteStatement")


def _put(dynamodb: "DynamoDBClient", name: str) -> None:
    dynamodb.put_item(**statements.creation_without_effect(name))


def _update(dynamodb: "DynamoDBClient", name: str) -> None:
    dynamodb.update_item(
        TableName=name,
        Key=_NO_PAYMENT,
        UpdateExpression="SET updated_at = :none",
        ConditionExpression=statements.NEVER,
        ExpressionAttributeValues={":none": {"S": statements.NO_PAYMENT}},
    )


class _Permission(NamedTuple):
    action: str
    call: Callable[["DynamoDBClient", str], None]


_FOR_ALL = (_Permission("GetItem", _get), _Permission("Query", _query))
_FOR_EVENTS = (_Permission("PartiQLUpdate", _partiql),)
_FOR_CHECKOUT = (_Permission("PutItem", _put), _Permission("UpdateItem", _update))


def findings(dynamodb: "DynamoDBClient", settings: CheckSettings) -> Iterator[Finding]:
    """Checks the permissions of the services whose settings are set."""
    needed = [*_FOR_ALL]
    needed += _FOR_EVENTS if settings.applies_events else ()
    needed += _FOR_CHECKOUT if settings.api_tokens else ()
    allowed = []
    for permission in needed:
        code = _error_code(permission, dynamodb, settings.table)
        if code in _ALLOWED:
            allowed.append(permission.action)
        elif code in DENIED:
            remedy = "allow it for this role on the table and its indexes"
            yield wrong("permissions", f"dynamodb:{permission.action} is not allowed", remedy)
        else:
            yield wrong("permissions", f"{permission.action} fails: {code}", _REMEDIES.get(code, "run this again"))
    if allowed:
        yield ok("permissions", f"allowed: {', '.join(allowed)}")
    if len(needed) == len(_FOR_ALL):
        says = "writes were not tried: set STRIPE_WEBHOOK_SECRET, STRIPE_SECRET_KEY or PAYMENTS_API_TOKEN to try them"
        yield note("permissions", says)


def _error_code(permission: _Permission, dynamodb: "DynamoDBClient", name: str) -> str:
    try:
        permission.call(dynamodb, name)
    except (ClientError, BotoCoreError) as error:
        return code_of(error)
    return ""
