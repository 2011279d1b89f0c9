"""The boto3 session and client for DynamoDB: credentials, time limits and a check for incomplete answers."""

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
    """Whether the table is AWS's own and not a local stand-in."""
    return not settings.ddb_endpoint


def session(settings: TableSettings) -> Session:
    """A session with credentials from wherever botocore finds them; dummy ones if a local stand-in has none.

    Raises SettingsError when AWS itself is meant and there are none.
    """
    found = botocore.session.get_session()
    if not on_aws(settings):
        # The metadata service is not asked: it takes seconds to be absent.
        for provider in ("container-role", "iam-role"):
            found.get_component("credential_provider").remove(provider)
        if found.get_credentials() is None:
            found.set_credentials("local", "local")
    elif found.get_credentials() is None:
        raise SettingsError("no AWS credentials: give the part a role, or set DDB_ENDPOINT for a local DynamoDB")
    return found


def client(settings: TableSettings, using: Session | None = None) -> "DynamoDBClient":
    """A client that gives up soon and never retries by itself: Stripe and our own deadline do that."""
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
    dynamodb.meta.events.register("before-parse.dynamodb", _refuse_half_an_answer)
    return dynamodb


def _refuse_half_an_answer(response_dict: Mapping[str, Any], **_: Any) -> None:
    """An answer that broke off reads as an empty one to botocore, and that says that there is no such item."""
    expected, actual = response_dict["headers"].get("content-length"), len(response_dict["body"])
    if expected is not None and actual != int(expected):
        raise IncompleteReadError(actual_bytes=actual, expected_bytes=expected)
