"""Connects the tests themselves to DynamoDB, and creates tables; no time limit of a service applies."""

import functools
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from lea_payments.settings import TableSettings
from lea_payments.store.setup import creation

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

WAIT_SECONDS = 120
"""Far above what a DynamoDB Local that has just started needs on a busy machine."""


@functools.cache
def _session() -> boto3.Session:
    """Shared, because it keeps the description of DynamoDB's API, which is large."""
    return boto3.Session(aws_access_key_id="local", aws_secret_access_key="local")


def client(settings: TableSettings) -> "DynamoDBClient":
    """A client that waits, unlike those of the services, which give up after a second."""
    config = Config(read_timeout=WAIT_SECONDS, connect_timeout=WAIT_SECONDS, parameter_validation=False)
    return _session().client(
        "dynamodb", region_name=settings.aws_region, endpoint_url=settings.ddb_endpoint, config=config
    )


def create(dynamodb: "DynamoDBClient", settings: TableSettings) -> None:
    """Creates the table, and waits until it is active."""
    creation.ensure(dynamodb, settings, wait_seconds=WAIT_SECONDS)
