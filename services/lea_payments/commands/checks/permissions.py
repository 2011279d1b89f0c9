"""Whether the table may be read and written as the parts do it; really tries, with writes that can never apply."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from lea_payments.commands.checks.finding import Finding, note, ok, wrong
from lea_payments.commands.checks.settings import CheckSettings
from lea_payments.store import table
from lea_payments.store.dynamodb import code_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

DENIED = ("AccessDeniedException", "AccessDenied")
_ALLOWED = ("", "ConditionalCheckFailedException", "ConditionalCheckFailed")
_REMEDIES = {"ValidationException": "the table or its index is not as defined: run lea-payments init-table"}
_NOBODY = {table.KEY: {"S": "-"}}
_NEVER = f"attribute_exists({table.KEY}) AND attribute_not_exists({table.KEY})"


def _get(dynamodb: "DynamoDBClient", name: str) -> None:
    dynamodb.get_item(TableName=name, Key=_NOBODY, ConsistentRead=True)


def _query(dynamodb: "DynamoDBClient", name: str) -> None:
    dynamodb.query(
        TableName=name,
        IndexName=table.SESSION_INDEX,
        KeyConditionExpression="stripe_session_id = :none",
        ExpressionAttributeValues={":none": {"S": "-"}},
    )


def _partiql(dynamodb: "DynamoDBClient", name: str) -> None:
    never = f"{table.KEY}=? AND {table.KEY} IS MISSING"
    statement = f'UPDATE "{name}" SET updated_at=? WHERE {never}'  # noqa: S608 - the name is our own setting
    answer = dynamodb.batch_execute_statement(Statements=[{"Statement": statement, "Parameters": [{"S": "-"}] * 2}])
    for response in answer["Responses"]:
        if "Error" in response:
            raise ClientError({"Error": {"Code": response["Error"].get("Code", "")}}, "BatchExecuteStatement")


def _put(dynamodb: "DynamoDBClient", name: str) -> None:
    dynamodb.put_item(TableName=name, Item=_NOBODY, ConditionExpression=_NEVER)


def _update(dynamodb: "DynamoDBClient", name: str) -> None:
    dynamodb.update_item(
        TableName=name,
        Key=_NOBODY,
        UpdateExpression="SET updated_at = :none",
        ConditionExpression=_NEVER,
        ExpressionAttributeValues={":none": {"S": "-"}},
    )


class _Permission(NamedTuple):
    action: str
    attempt: Callable[["DynamoDBClient", str], None]


_OF_ALL = (_Permission("GetItem", _get), _Permission("Query", _query))
_OF_EVENTS = (_Permission("PartiQLUpdate", _partiql),)
_OF_CHECKOUT = (_Permission("PutItem", _put), _Permission("UpdateItem", _update))


def findings(dynamodb: "DynamoDBClient", settings: CheckSettings) -> Iterator[Finding]:
    """What the parts need whose settings are here; a write has a condition that no record can meet."""
    needed = [*_OF_ALL]
    needed += _OF_EVENTS if settings.applies_events else ()
    needed += _OF_CHECKOUT if settings.api_tokens else ()
    allowed = []
    for permission in needed:
        code = _code_of_attempt(permission, dynamodb, settings.table)
        if code in _ALLOWED:
            allowed.append(permission.action)
        elif code in DENIED:
            yield wrong("permissions", f"no dynamodb:{permission.action}", "allow it to this role on table and indexes")
        else:
            yield wrong("permissions", f"{permission.action} fails: {code}", _REMEDIES.get(code, "run this again"))
    if allowed:
        yield ok("permissions", f"may {', '.join(allowed)}")
    if len(needed) == len(_OF_ALL):
        yield note(
            "permissions", "writes were not tried: only STRIPE_WEBHOOK_SECRET and PAYMENTS_API_TOKEN ask for them"
        )


def _code_of_attempt(permission: _Permission, dynamodb: "DynamoDBClient", name: str) -> str:
    try:
        permission.attempt(dynamodb, name)
    except (ClientError, BotoCoreError) as error:
        return code_of(error)
    return ""
