"""Records of version 0.1.0 on DynamoDB Local, and both versions on one table if the old one is installed."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lea_payments.payment import changes
from lea_payments.payment.event import PaymentEvent
from lea_payments.settings import TableSettings
from lea_payments.store.batch.results import Blocked, WriteResult, Written, result_of
from lea_payments.store.errors import ConflictError
from lea_payments.store.payments import PaymentStore
from lea_payments.store.statements import events, records
from lea_payments.stripe.events import translate
from lea_payments.telemetry.applying import NO_TRACE, Applying
from tests.support import tables
from tests.support.left_out import leave_out
from tests.upgrade import run
from tests.upgrade.events import Objects
from tests.upgrade.frozen import frozen, kinds

OLD_VERSION = "UPGRADE_FROM"
PAID = {"payment_status": {"S": "completed"}, "status_rank": {"N": "50"}}
WRONG_AMOUNT = {"status_rank": {"N": "45"}, "status_reason": {"S": "amount_mismatch"}}

Item = Mapping[str, Any]


class Table:
    """Writes items as a pod of version 0.1.0 does."""

    def __init__(self, settings: TableSettings) -> None:
        self.name = settings.table
        self.client = tables.client(settings)

    def put(self, item: Item) -> Item:
        """Stores the item as it is."""
        self.client.put_item(TableName=self.name, Item=dict(item))
        return item

    def get(self, payment_id: str) -> Item:
        """The item as it is now."""
        return self.client.get_item(TableName=self.name, Key={"payment_intent_id": {"S": payment_id}})["Item"]

    def write(self, before: records.CurrentRecord, event: PaymentEvent) -> WriteResult:
        """Sends this version's write for the event, which was decided on `before`."""
        after = changes.apply(before.record, event, "2027-01-01T00:00:00.000Z").after
        assert after is not None
        update = events.update(self.name, before, after, Applying(NO_TRACE))
        answer = self.client.batch_execute_statement(
            Statements=[
                {
                    "Statement": update.text,
                    "Parameters": list(update.parameters),
                    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
                }
            ]
        )
        return result_of(answer["Responses"][0])


@pytest.fixture
def table(table_settings: TableSettings) -> Table:
    """Return the table of this file."""
    return Table(table_settings)


def event_of(body: bytes) -> PaymentEvent:
    """The event, translated."""
    event = translate(body, livemode=False)
    assert isinstance(event, PaymentEvent)
    return event


def objects_of(item: Item) -> Objects:
    """The ids of the item's payment and session."""
    session = item.get("stripe_session_id", {"S": "cs_new"})["S"]
    return Objects(item["payment_intent_id"]["S"], session, "pi_new")


@pytest.mark.parametrize("kind", kinds())
async def test_money_completes_a_stored_old_record(kind: str, table: Table, store: PaymentStore) -> None:
    item = table.put(frozen(kind)["item"])

    await store.apply(event_of(objects_of(item).other("b").paid()))

    assert table.get(item["payment_intent_id"]["S"])["payment_status"]["S"] == "completed"


@pytest.mark.parametrize("written", [PAID, WRONG_AMOUNT], ids=["completion", "wrong amount"])
def test_an_old_write_blocks_a_write_in_its_way(written: Item, table: Table) -> None:
    """Even if it happens in the same millisecond as the write before, so that `updated_at` stays the same."""
    item = table.put(frozen("untouched")["item"])
    stale = records.current(item)
    table.put({**item, **written})

    result = table.write(stale, event_of(objects_of(item).unpaid()))

    assert isinstance(result, Blocked)


def test_an_old_history_entry_blocks_nothing(table: Table) -> None:
    item = table.put(frozen("declined")["item"])
    stale = records.current(item)
    entries = item["history"]["L"]
    table.put({**item, "history": {"L": [*entries, *entries]}})

    result = table.write(stale, event_of(objects_of(item).paid()))

    assert isinstance(result, Written)
    assert len(table.get(item["payment_intent_id"]["S"])["history"]["L"]) == 3


async def test_an_old_completion_blocks_checkout(table: Table, store: PaymentStore) -> None:
    item = table.put(frozen("expired")["item"])
    record = await store.get(item["payment_intent_id"]["S"])
    assert record is not None
    table.put({**item, **PAID})

    with pytest.raises(ConflictError):
        await store.change_checkout(record, checkout_attempt=2, stripe_session_id=None)


async def test_a_former_session_is_stored_for_old_pods(table: Table, store: PaymentStore) -> None:
    """They decide by it, while the new attempt waits for its session, which events are about another session."""
    item = table.put(frozen("expired")["item"])
    record = await store.get(item["payment_intent_id"]["S"])
    assert record is not None

    await store.change_checkout(record, checkout_attempt=2, stripe_session_id=None)

    stored = table.get(item["payment_intent_id"]["S"])
    assert stored["checkout_former_session"] == item["stripe_session_id"]
    assert stored["payment_status"]["S"] == "pending"


@pytest.mark.parametrize("field", ["version", "status_rank", "updated_at"])
async def test_checkout_repairs_a_guard_of_another_type(field: str, table: Table, store: PaymentStore) -> None:
    item = table.put({**frozen("untouched")["item"], field: {"S": "7"} if field != "updated_at" else {"N": "7"}})
    record = await store.get(item["payment_intent_id"]["S"])
    assert record is not None

    changed = await store.change_checkout(record, checkout_locale="ms")

    assert await store.get(record.payment_intent_id) == changed


def test_both_versions_work_on_one_table() -> None:
    """A short `make upgrade`; the folder of version 0.1.0 is in UPGRADE_FROM."""
    folder = os.environ.get(OLD_VERSION)
    if folder is None:
        # CI fails on a skipped test, but a checkout of this version cannot contain the other one.
        leave_out(f"needs version 0.1.0: set {OLD_VERSION} to its folder, after `make setup` there")

    figures = run.run(Path(folder), orders=1, seed=1)

    assert figures.violations == []
    assert figures.read_after_rollback == figures.orders >= 20
