"""Checks the table's definition, its permissions and its protection against data loss; changes nothing."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from lea_payments.commands.checks import permissions as check_permissions
from lea_payments.commands.checks.finding import Finding, State, note, ok, wrong
from lea_payments.commands.checks.permissions import DENIED
from lea_payments.commands.checks.settings import CheckSettings
from lea_payments.outbound import failures
from lea_payments.settings import SettingsError
from lea_payments.store import connection, table
from lea_payments.store.dynamodb import ADDRESS, code_of, problem_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

INIT = "run lea-payments init-table"


def findings(settings: CheckSettings) -> Iterator[Finding]:
    """Checks the table; stops at a problem that makes the other checks impossible."""
    try:
        dynamodb = connection.client(settings)
    except SettingsError as error:
        yield wrong("table", str(error), "see docs/reference/settings.md")
        return
    described = _described(dynamodb, settings)
    if isinstance(described, Finding):
        yield described
        if described.state is State.WRONG:
            return
    else:
        yield from _definition(described)
    yield from check_permissions.findings(dynamodb, settings)
    if connection.on_aws(settings) and not isinstance(described, Finding):
        yield from _protection(dynamodb, described)
    dynamodb.close()


def _described(dynamodb: "DynamoDBClient", settings: CheckSettings) -> Mapping[str, Any] | Finding:
    where = settings.ddb_endpoint or f"AWS {settings.aws_region}"
    try:
        return dynamodb.describe_table(TableName=settings.table)["Table"]
    except ClientError as error:
        code = code_of(error)
        if code in DENIED:
            remedy = "allow dynamodb:DescribeTable for the role that runs this check; the services do not need it"
            return note("table", "cannot be described with these credentials", remedy)
        if code == "ResourceNotFoundException":
            remedy = f"{INIT}, or set DYNAMODB_PAYMENTS_TABLE"
            return wrong("table", f"{settings.table} does not exist at {where}", remedy)
        if not code[:1].isupper():
            remedy = "check the proxies and servers on the way"
            return wrong("table", problem_of(error, dynamodb.meta.endpoint_url), remedy)
        return wrong(
            "table", f"DynamoDB at {where} rejects the request: {code}", "check the AWS credentials and AWS_REGION"
        )
    except BotoCoreError as error:
        problem = failures.reason(error, dynamodb.meta.endpoint_url, settings=ADDRESS, slow="check the network")
        remedy = f"{problem or 'start it, or set DDB_ENDPOINT to its URL'}"
        return wrong("table", f"DynamoDB cannot be reached at {where}", remedy)


def _definition(description: Mapping[str, Any]) -> Iterator[Finding]:
    name = description["TableName"]
    types = {each["AttributeName"]: each["AttributeType"] for each in description["AttributeDefinitions"]}
    if _key_of(description, types) == [(table.KEY, "HASH", "S")]:
        yield ok("table", f"{name} has the key {table.KEY}")
    else:
        remedy = f"choose another table name and {INIT}"
        yield wrong("table", f"{name} has the wrong key: {_key_of(description, types)}", remedy)
    indexes = {index["IndexName"]: index for index in description.get("GlobalSecondaryIndexes", [])}
    for definition in table.INDEXES:
        yield _index(definition, indexes.get(definition["IndexName"]), types)


def _key_of(schema: Mapping[str, Any], types: Mapping[str, str]) -> list[tuple[str, str, str]]:
    return [(key["AttributeName"], key["KeyType"], types[key["AttributeName"]]) for key in schema["KeySchema"]]


def _index(definition: Mapping[str, Any], index: Mapping[str, Any] | None, types: Mapping[str, str]) -> Finding:
    subject = f"index {definition['IndexName']}"
    if index is None:
        return _missing(subject, table.USES.get(definition["IndexName"]))
    remedy = f"delete that index and {INIT}"
    keys = [(key["AttributeName"], key["KeyType"]) for key in definition["KeySchema"]]
    if _key_of(index, types) != [(*key, table.key_definition(key[0])["AttributeType"]) for key in keys]:
        return wrong(subject, f"has the wrong key: {_key_of(index, types)}", remedy)
    missing = _missing_fields(definition["Projection"], index["Projection"])
    if missing:
        return wrong(subject, f"does not contain {', '.join(missing)}", remedy)
    if index["Projection"]["ProjectionType"] == "ALL":
        return note(subject, "contains the history, which every write then stores twice", remedy)
    if index["IndexStatus"] != "ACTIVE":
        return note(subject, f"is {index['IndexStatus'].lower()}", "wait until DynamoDB has built it")
    return ok(subject, "is as defined")


def _missing(subject: str, consequence: str | None) -> Finding:
    """An index of our own is missing, with this consequence, or a published one."""
    if consequence is None:
        return wrong(subject, "is missing", INIT)
    return note(subject, f"is missing: {consequence}", INIT)


def _missing_fields(definition: Mapping[str, Any], projection: Mapping[str, Any]) -> list[str]:
    if projection["ProjectionType"] == "ALL":
        return []
    present = projection.get("NonKeyAttributes", [])
    return [name for name in definition.get("NonKeyAttributes", []) if name not in present]


def _protection(dynamodb: "DynamoDBClient", description: Mapping[str, Any]) -> Iterator[Finding]:
    """Checks what protects payments from being lost on AWS."""
    name = description["TableName"]
    if description.get("BillingModeSummary", {}).get("BillingMode") != "PAY_PER_REQUEST":
        yield note(
            "capacity", "is provisioned: DynamoDB throttles bursts of events", "set the billing mode to on-demand"
        )
    if description.get("DeletionProtectionEnabled"):
        yield ok("deletion protection", "is on")
    else:
        yield note("deletion protection", "is off", INIT)
    try:
        backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
        recovery = backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus")
        on = recovery == "ENABLED"
        yield ok("point-in-time recovery", "is on") if on else note("point-in-time recovery", "is off", INIT)
        expiry = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        if expiry.get("TimeToLiveStatus") in ("ENABLED", "ENABLING"):
            yield note("time to live", f"is on: {expiry.get('AttributeName')} deletes payments", "turn it off")
        else:
            yield ok("time to live", "is off: no payment is deleted")
    except (ClientError, BotoCoreError) as error:
        remedy = (
            "allow dynamodb:DescribeContinuousBackups and dynamodb:DescribeTimeToLive for the role that runs this check"
        )
        yield note("backups", f"cannot be checked: {code_of(error)}", remedy)
