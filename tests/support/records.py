"""Creates and reads payments in a table."""

import itertools

from msgspec.structs import replace

from lea_payments.payment.record import Payment
from lea_payments.settings import TableSettings
from lea_payments.store import table
from lea_payments.store.items import Item, attributes_of, payment_of
from tests.support import tables
from tests.support.scenarios import record


class Records:
    """The payments of one table."""

    def __init__(self, settings: TableSettings) -> None:
        self._table = settings.table
        self._dynamodb = tables.client(settings)
        self._numbers = itertools.count()

    def put(self, **fields: object) -> str:
        """Creates a payment with the open session cs_test_a and returns its id."""
        payment_id = f"payment_{next(self._numbers)}"
        payment = replace(record(payment_id), **fields)
        self._dynamodb.put_item(TableName=self._table, Item=attributes_of(payment))
        return payment_id

    def put_item(self, item: Item) -> None:
        """Writes an item as a person would: with any attributes."""
        self._dynamodb.put_item(TableName=self._table, Item=dict(item))

    def item(self, payment_id: str) -> Item:
        """The current item."""
        answer = self._dynamodb.get_item(TableName=self._table, Key={table.KEY: {"S": payment_id}}, ConsistentRead=True)
        return answer["Item"]

    def get(self, payment_id: str) -> Payment:
        """The current payment."""
        return payment_of(self.item(payment_id))

    def history(self, payment_id: str) -> list[str]:
        """The ids of the payment's events, in the order in which they were written."""
        return [entry.event_id for entry in self.get(payment_id).history]

    def close(self) -> None:
        """Closes the connections."""
        self._dynamodb.close()
