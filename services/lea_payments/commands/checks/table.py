"""Whether the table is as defined and safe from loss, and what of it may be used; changes nothing."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from lea_payments.commands.checks import permissions as check_permissions
from lea_payments.commands.checks.finding import Finding, State, note, ok, wrong
from lea_payments.commands.checks.permissions import DENIED
from lea_payments.commands.checks.settings import CheckSettings
from lea_payments.settings import SettingsError
from lea_payments.store import connection, table
from lea_payments.store.dynamodb import code_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

INIT = "run lea-payments init-table"


def findings(settings: CheckSettings) -> Iterator[Finding]:
    """All there is to say of the table, the worst trouble alone if it stands in the way of the rest."""
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
        yield from _safety(dynamodb, described)
    dynamodb.close()


def _described(dynamodb: "DynamoDBClient", settings: CheckSettings) -> Mapping[str, Any] | Finding:
    where = settings.ddb_endpoint or f"AWS {settings.aws_region}"
    try:
        return dynamodb.describe_table(TableName=settings.table)["Table"]
    except ClientError as error:
        code = code_of(error)
        if code in DENIED:
            remedy = "allow dynamodb:DescribeTable to who runs this check; the parts do not need it"
            return note("table", "may not be described with these credentials", remedy)
        if code == "ResourceNotFoundException":
            return wrong(
                "table", f"{settings.table} is not there, at {where}", f"{INIT}, or set DYNAMODB_PAYMENTS_TABLE"
            )
        return wrong("table", f"DynamoDB at {where} refuses: {code}", "check the AWS credentials and AWS_REGION")
    except BotoCoreError:
        return wrong("table", f"DynamoDB cannot be reached at {where}", "start it, or set DDB_ENDPOINT to where it is")


def _definition(found: Mapping[str, Any]) -> Iterator[Finding]:
    name = found["TableName"]
    types = {one["AttributeName"]: one["AttributeType"] for one in found["AttributeDefinitions"]}
    if _key_of(found, types) == [(table.KEY, "HASH", "S")]:
        yield ok("table", f"{name} has the key {table.KEY}")
    else:
        yield wrong("table", f"{name} has another key: {_key_of(found, types)}", f"name another table and {INIT}")
    present = {index["IndexName"]: index for index in found.get("GlobalSecondaryIndexes", [])}
    for wanted in table.INDEXES:
        yield _index(wanted, present.get(wanted["IndexName"]), types)


def _key_of(one: Mapping[str, Any], types: Mapping[str, str]) -> list[tuple[str, str, str]]:
    return [(key["AttributeName"], key["KeyType"], types[key["AttributeName"]]) for key in one["KeySchema"]]


def _index(wanted: Mapping[str, Any], found: Mapping[str, Any] | None, types: Mapping[str, str]) -> Finding:
    subject = f"index {wanted['IndexName']}"
    if found is None:
        return _missing(subject, needed=wanted is not table.OWN_INDEX)
    remedy = f"delete that index and {INIT}"
    if _key_of(found, types) != [(wanted["KeySchema"][0]["AttributeName"], "HASH", "S")]:
        return wrong(subject, f"has another key: {_key_of(found, types)}", remedy)
    lacking = _lacking(wanted["Projection"], found["Projection"])
    if lacking:
        return wrong(subject, f"does not carry {', '.join(lacking)}", remedy)
    if found["Projection"]["ProjectionType"] == "ALL":
        return note(subject, "carries the history too, which is then written once more", remedy)
    if found["IndexStatus"] != "ACTIVE":
        return note(subject, f"is {found['IndexStatus'].lower()}", "wait until DynamoDB has built it")
    return ok(subject, "is as defined")


def _missing(subject: str, *, needed: bool) -> Finding:
    if needed:
        return wrong(subject, "is missing", INIT)
    return note(subject, "is missing: disputes and refunds do not find their payments", INIT)


def _lacking(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    if found["ProjectionType"] == "ALL":
        return []
    carried = found.get("NonKeyAttributes", [])
    return [name for name in wanted.get("NonKeyAttributes", []) if name not in carried]


def _safety(dynamodb: "DynamoDBClient", found: Mapping[str, Any]) -> Iterator[Finding]:
    """What keeps payments from being lost on AWS."""
    name = found["TableName"]
    if found.get("BillingModeSummary", {}).get("BillingMode") != "PAY_PER_REQUEST":
        yield note("capacity", "is provisioned: a rush of events is throttled", "set billing to on-demand")
    if found.get("DeletionProtectionEnabled"):
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
            yield note("time to live", f"is on: {expiry.get('AttributeName')} makes payments vanish", "switch it off")
        else:
            yield ok("time to live", "is off: payments stay")
    except (ClientError, BotoCoreError) as error:
        remedy = "allow dynamodb:DescribeContinuousBackups and dynamodb:DescribeTimeToLive to who runs this check"
        yield note("backups", f"could not be looked at: {code_of(error)}", remedy)
