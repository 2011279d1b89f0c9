"""Creates the boto3 session and client for DynamoDB: credentials, time limits and a check for incomplete responses."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import IncompleteReadError
from botocore.session import Session

from lea_payments.settings import SettingsError, TableSettings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

CONNECT_SECONDS = 0.7
READ_SECONDS = 1.0
CONNECTIONS = 16


def on_aws(settings: TableSettings) -> bool:
    """Whether the table is on AWS and not in DynamoDB Local."""
    return not settings.ddb_endpoint


def session(settings: TableSettings) -> Session:
    """A session with the credentials that botocore finds; for DynamoDB Local, dummy ones if there are none.

    Raises SettingsError if the table is on AWS and there are no credentials.
    """
    result = botocore.session.get_session()
    if not on_aws(settings):
        # Outside AWS, botocore would wait seconds for the metadata service.
        for provider in ("container-role", "iam-role"):
            result.get_component("credential_provider").remove(provider)
        if result.get_credentials() is None:
            result.set_credentials("local", "local")
    elif result.get_credentials() is None:
        raise SettingsError("no AWS credentials: give the service a role, or set DDB_ENDPOINT for a local DynamoDB")
    return result


def client(settings: TableSettings, using: Session | None = None) -> "DynamoDBClient":
    """A client with short time limits and without retries: the store and Stripe retry."""
    config = Config(
        region_name=settings.aws_region,
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"total_max_attempts": 1, "mode": "standard"},
        parameter_validation=False,
        max_pool_connections=CONNECTIONS,
        tcp_keepalive=True,
    )
    dynamodb = boto3.Session(botocore_session=using or session(settings)).client(
        "dynamodb", config=config, endpoint_url=settings.ddb_endpoint or None
    )
    dynamodb.meta.events.register("before-parse.dynamodb", _check_complete)
    return dynamodb


def _check_complete(response_dict: Mapping[str, Any], **_: Any) -> None:
    """Raises IncompleteReadError for a body that was cut off: botocore would parse it as "no such item"."""
    expected, actual = response_dict["headers"].get("content-length"), len(response_dict["body"])
    if expected is not None and actual != int(expected):
        raise IncompleteReadError(actual_bytes=actual, expected_bytes=expected)
