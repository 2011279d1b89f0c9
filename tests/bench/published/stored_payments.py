"""Fills tables of DynamoDB Local with up to a million payments, fast.

One payment is written as checkout writes it. Then DynamoDB Local is stopped, and the row of that payment is copied in
its SQLite file, with other ids: a million writes through its API take ten minutes.
"""

import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from lea_demo.dynamodb_local import DynamoDBLocal
from lea_payments.payment.record import Payment
from lea_payments.settings import TableSettings
from lea_payments.store.items import attributes_of
from lea_payments.store.statements.records import CREATED_VERSION, LINKED_VERSION
from tests.bench.processes import ROOT
from tests.bench.sending import requests
from tests.support import tables
from tests.support.ports import free_port

JARS = ROOT / ".data" / "dynamodb-local"
PREFIX = "payment_"
FIRST = 0
FILE = "shared-local-instance.db"


def payment_id(number: int) -> str:
    """The id of a payment by its number."""
    return f"{PREFIX}{number:08}"


def table_name(size: int) -> str:
    """The table with this number of payments."""
    return f"payments-{size}"


def with_session(number: int) -> Payment:
    """A payment as checkout leaves it: pending, with the session whose event will arrive."""
    session = json.loads(requests.body_of("session", payment_id(number), 0))["data"]["object"]
    created = "2026-01-01T00:00:00.000Z"
    return Payment(
        payment_intent_id=payment_id(number),
        user_id=f"user_{number:08}",
        quote_id=f"quote_{number:08}",
        stripe_session_id=session["id"],
        amount=session["amount_total"],
        currency=session["currency"],
        product_name="Travel insurance, Japan, 10 days",
        created_at=created,
        updated_at=created,
        version=LINKED_VERSION,
        status_rank=0,
        traceparent=f"00-{'a' * 32}-{'b' * 16}-01",
        checkout_attempt=CREATED_VERSION,
        checkout_attempt_at=created,
        checkout_locale="en",
        checkout_link=f"https://checkout.stripe.com/c/pay/{session['id']}#{'f' * 320}",
    )


def fill(folder: Path, sizes: Sequence[int]) -> None:
    """Writes tables with these numbers of payments into the folder of a DynamoDB Local that does not run."""
    with DynamoDBLocal(free_port(), folder, JARS) as dynamodb:
        for size in sizes:
            settings = settings_of(dynamodb.endpoint, size)
            client = tables.client(settings)
            tables.create(client, settings)
            client.put_item(TableName=settings.table, Item=attributes_of(with_session(FIRST)))
            client.close()
    with closing(sqlite3.connect(folder / FILE)) as database:
        database.execute("PRAGMA synchronous = OFF")
        for size in sizes:
            _copy(database, table_name(size), size)


def settings_of(endpoint: str, size: int) -> TableSettings:
    """The settings of the table with this number of payments."""
    values = {"DDB_ENDPOINT": endpoint, "DYNAMODB_PAYMENTS_TABLE": table_name(size)}
    return TableSettings.model_validate(values)


def _copy(database: sqlite3.Connection, table: str, size: int) -> None:
    """Copies the only row of a table until it has `size` rows. Its indexes are faster to build afterwards."""
    query = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL"
    indexes = database.execute(query, (table,)).fetchall()
    for name, _ in indexes:
        database.execute(f'DROP INDEX "{name}"')
    (row,) = database.execute(f'SELECT * FROM "{table}"').fetchall()  # noqa: S608 - the name is ours
    places = ", ".join("?" * len(row))
    database.executemany(f'INSERT INTO "{table}" VALUES ({places})', copies(row, range(FIRST + 1, size)))  # noqa: S608
    for _, sql in indexes:
        database.execute(sql)
    database.commit()


def copies(row: Sequence[object], numbers: Sequence[int]) -> Iterator[list[object]]:
    """The row of the first payment, with the ids of others. Its second column is a hash of the key, so it is random."""
    first = f"{FIRST:08}".encode()
    for number in numbers:
        own = f"{number:08}".encode()
        copy = [value.replace(first, own) if isinstance(value, bytes) else value for value in row]
        copy[1] = os.urandom(20)
        yield copy
