"""Creates and reads payment records through a forwarded port, as the caller's own code does."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from lea_payments.payment.record import Payment
from lea_payments.store import table
from lea_payments.store.items import attributes_of, payment_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

LOCAL_TABLE = "lea-payments-local"
WRITE_LIMIT, READ_LIMIT = 25, 100
"""How many items DynamoDB writes or reads in one batch."""


@contextmanager
def records(address: str, table_name: str = LOCAL_TABLE) -> Iterator["Records"]:
    """The table through the forwarded port of DynamoDB Local."""
    client = boto3.client(
        "dynamodb",
        endpoint_url=address,
        region_name="ap-southeast-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(read_timeout=60, retries={"total_max_attempts": 5}),
    )
    try:
        yield Records(client, table_name)
    finally:
        client.close()


class Records:
    """Creates and reads records as the caller's own code does."""

    def __init__(self, client: "DynamoDBClient", name: str) -> None:
        self._client = client
        self._table = name

    def put_all(self, payment_ids: Sequence[str]) -> None:
        """Creates pending payments of 49.99 SGD."""
        for batch in _batches(payment_ids, WRITE_LIMIT):
            writes: Any = [{"PutRequest": {"Item": attributes_of(_pending(payment_id))}} for payment_id in batch]
            response = self._client.batch_write_item(RequestItems={self._table: writes})
            assert not response["UnprocessedItems"]

    def get(self, payment_id: str) -> Payment:
        """The current payment."""
        key = {table.KEY: {"S": payment_id}}
        return payment_of(self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)["Item"])

    def get_all(self, payment_ids: Sequence[str]) -> list[Payment]:
        """The current payments, in any order."""
        payments = []
        for batch in _batches(payment_ids, READ_LIMIT):
            keys: Any = {"Keys": [{table.KEY: {"S": payment_id}} for payment_id in batch], "ConsistentRead": True}
            response = self._client.batch_get_item(RequestItems={self._table: keys})
            assert not response["UnprocessedKeys"]
            payments += [payment_of(item) for item in response["Responses"][self._table]]
        return payments


def _pending(payment_id: str) -> Payment:
    return Payment(payment_intent_id=payment_id, user_id="user_1", quote_id="quote_1", amount=4999, currency="sgd")


def _batches(payment_ids: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(payment_ids), size):
        yield payment_ids[start : start + size]
