"""Reads and writes payment records."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any, Self

from botocore.exceptions import ClientError
from msgspec.structs import replace

from lea_payments.payment import changes
from lea_payments.payment.changes import Applied
from lea_payments.payment.event import PaymentEvent
from lea_payments.payment.record import Payment, iso
from lea_payments.settings import TableSettings
from lea_payments.store import dynamodb, event_writes, table
from lea_payments.store.batch.results import Failed, WriteResult
from lea_payments.store.connection import CALL_SECONDS, DEADLINE_SECONDS, PING_SECONDS, Deadline
from lea_payments.store.dynamodb import Dynamodb
from lea_payments.store.errors import ConflictError, UnavailableError
from lea_payments.store.event_writes import EventWrites
from lea_payments.store.group_commit import GroupCommit, settle
from lea_payments.store.items import payment_of
from lea_payments.store.reading import batch
from lea_payments.store.statements import checkout, pings, queries, records
from lea_payments.store.statements.events import Update
from lea_payments.store.statements.records import CREATED_VERSION
from lea_payments.telemetry import store_calls
from lea_payments.telemetry.applying import Applying, current_trace


class PaymentStore:
    """The table of payments. Every method raises UnavailableError if the table does not respond in time."""

    def __init__(
        self,
        settings: TableSettings,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        deadline_seconds: float = DEADLINE_SECONDS,
        *,
        call_seconds: float = CALL_SECONDS,
        notifications: bool = False,
    ) -> None:
        """With `notifications`, the writes of published changes mark their payments for the notifier."""
        self._table = settings.table
        self._now = now
        self._notifications = notifications
        self._deadline = Deadline(deadline_seconds)
        self._dynamodb = Dynamodb(settings, call_seconds)
        self._client = self._dynamodb.client
        self._writer: GroupCommit[Update, WriteResult] = GroupCommit(self._send)
        self._events = EventWrites(
            self._table, now, self._deadline, self._writer, self._find_by_indexes, notifications=notifications
        )

    async def apply(self, event: PaymentEvent) -> Applied:
        """Applies an event to its payment exactly once, in whatever order events arrive."""
        result: asyncio.Future[Applied] = asyncio.get_running_loop().create_future()
        self.begin(event, Applying(current_trace()), partial(settle, result))
        return await result

    def begin(self, event: PaymentEvent, applying: Applying, callback: event_writes.Callback) -> None:
        """Starts to apply an event. The callback gets the result, or the error, after this call."""
        self._events.begin(event, applying, callback)

    async def _find_by_indexes(self, event: PaymentEvent, deadline: float) -> str | None:
        """The id of the payment with the event's session or PaymentIntent: the first reference that leads to one."""
        references = [
            (table.SESSION_INDEX, "stripe_session_id", event.session_id),
            (table.OTHER_SESSION_INDEX, "other_session_id", event.session_id),
            *((table.INTENT_INDEX, "stripe_payment_intent", intent_id) for intent_id in event.intent_ids),
        ]
        for index, field, value in references:
            matches = await self._query(index, field, value, 1, deadline=deadline) if value is not None else ()
            if matches:
                return matches[0].payment_intent_id
        return None

    def _send(self, updates: Sequence[Update], callback: Callable[[Sequence[WriteResult] | Exception], None]) -> None:
        statements = [(update.text, update.parameters) for update in updates]
        self._dynamodb.write(statements, [update.applying for update in updates], callback)

    async def record_of(self, event: PaymentEvent) -> Payment | None:
        """The record that an event is about, read consistently, or None."""
        for payment_id in event.payment_ids:
            if record := await self.get(payment_id):
                return record
        with self._deadline as deadline:
            found_id = await self._find_by_indexes(event, deadline)
        return None if found_id is None else await self.get(found_id)

    async def get(self, payment_id: str, deadline: float | None = None) -> Payment | None:
        """The payment with this id, read consistently, or None."""
        response = await self._dynamodb.call(
            "get",
            self._client.get_item,
            deadline=deadline,
            TableName=self._table,
            Key={table.KEY: {"S": payment_id}},
            ConsistentRead=True,
        )
        return payment_of(response["Item"]) if "Item" in response else None

    async def read_many(self, payment_ids: Sequence[str], *, only_state: bool = False) -> Mapping[str, Payment | None]:
        """At most 100 payments by their ids, read with one call that is not repeated: see `store.reading.batch`."""
        request = batch.request(self._table, payment_ids, only_state=only_state)
        operation = "watch" if only_state else "read_many"
        response = await self._dynamodb.call_once(operation, self._client.batch_get_item, **request)
        return batch.payments_of(response, self._table, payment_ids)

    async def by_session(self, session_id: str) -> Payment | None:
        """The payment with this Checkout Session, or None. The indexes can lag behind the table."""
        for index, field in (
            (table.SESSION_INDEX, "stripe_session_id"),
            (table.OTHER_SESSION_INDEX, "other_session_id"),
        ):
            matches = await self._query(index, field, session_id, 1)
            if matches:
                return await self.get(matches[0].payment_intent_id)
        return None

    async def awaiting_funds(self, day: str) -> Sequence[str]:
        """The ids of the payments that have waited for their money since this day, `2026-11-26` in UTC."""
        matches = await self._query(table.AWAITING_INDEX, "awaiting_funds_on", day)
        return [match.payment_intent_id for match in matches]

    async def by_user(self, user_id: str, limit: int = 0, after: str = "") -> Sequence[Payment]:
        """The payments of a user with their published fields: all, or at most `limit` after the one with an id."""
        return await self._query(table.USER_INDEX, "user_id", user_id, limit, after)

    async def by_quote(self, quote_id: str, limit: int = 0, after: str = "") -> Sequence[Payment]:
        """The payments of a quote with their published fields: all, or at most `limit` after the one with an id."""
        return await self._query(table.QUOTE_INDEX, "quote_id", quote_id, limit, after)

    async def create(self, new: Payment) -> Payment:
        """Writes a new record and returns it. If the id exists, returns the existing record and changes nothing."""
        now = iso(self._now())
        new = replace(new, version=CREATED_VERSION, status_rank=0, created_at=new.created_at or now, updated_at=now)
        try:
            await self._dynamodb.call(
                "create",
                self._client.put_item,
                **checkout.creation(self._table, new),
            )
        except ClientError as error:
            return payment_of(dynamodb.existing_item(error))
        return new

    async def change_checkout(self, record: Payment, **fields: Any) -> Payment:
        """Writes checkout's fields and what follows from them. Raises ConflictError if the record has changed."""
        now = self._now()
        after = changes.derive(replace(record, **fields, updated_at=iso(now)))
        before = records.as_read(record)
        for _ in range(2):
            try:
                await self._dynamodb.call(
                    "change_checkout",
                    self._client.update_item,
                    TableName=self._table,
                    **checkout.checkout_update(before, after, now if self._notifications else None),
                )
            except ClientError as error:
                item = dynamodb.existing_item(error)
            else:
                return after
            current = payment_of(item) if item else None
            if current == after:
                return after  # by an earlier try whose response was lost
            if current != record:
                break
            # Nobody has changed the record: a person has written a field as another type than it is read as.
            before = records.current(item)
        raise ConflictError(f"payment {record.payment_intent_id} has changed since it was read")

    async def ping(self) -> None:
        """Reads as the pages do, but what does not exist. Raises UnavailableError."""
        with Deadline(PING_SECONDS) as deadline:
            await self._query(table.SESSION_INDEX, "stripe_session_id", pings.NO_PAYMENT, deadline=deadline)
            await self.get(pings.NO_PAYMENT, deadline)

    async def ping_events(self) -> None:
        """Writes as events are written, but changes nothing. A busy table is available. Raises UnavailableError."""
        with Deadline(PING_SECONDS) as deadline:
            result = await self._writer.submit(pings.without_effect(self._table), deadline)
        if isinstance(result, Failed):
            raise UnavailableError(f"a write is not possible: {result.error}")

    async def ping_checkout(self) -> None:
        """Creates a record as checkout does, but under a condition that is never true. Raises UnavailableError."""
        with Deadline(PING_SECONDS) as deadline, suppress(ClientError):
            creation = pings.creation_without_effect(self._table)
            await self._dynamodb.call("create", self._client.put_item, deadline=deadline, **creation)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Closes the connections."""
        await self._dynamodb.close()

    async def _query(
        self, index: str, field: str, value: str, limit: int = 0, after: str = "", *, deadline: float | None = None
    ) -> Sequence[Payment]:
        query = queries.by_field(self._table, index, field, value, after)
        try:
            return [*map(payment_of, await self._dynamodb.query(limit=limit, deadline=deadline, **query))]
        except ClientError as error:
            # A table that was created by hand can lack an index: calls that do not use it must still work.
            store_calls.index_query_failed(index=index, code=dynamodb.code_of(error))
            return []
