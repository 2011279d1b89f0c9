"""Payments as DynamoDB items and statements, and reading them back; what an event means is payment.py's business."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, Self

from botocore.exceptions import ClientError
from msgspec.structs import replace
from opentelemetry import trace

from lea_payments.log import log
from lea_payments.payment import transitions
from lea_payments.payment.event import Outcome, PaymentEvent
from lea_payments.payment.record import Payment, iso
from lea_payments.settings import TableSettings
from lea_payments.store import statements, table
from lea_payments.store.dynamodb import Dynamodb, code_of
from lea_payments.store.errors import ConflictError, UnavailableError, UnreachableError
from lea_payments.store.group_commit import GroupCommit
from lea_payments.store.items import Item, item_of, payment_of
from lea_payments.store.statements import Busy, Failed, Update, WriteResult, Written, result_of
from lea_payments.telemetry import spans

DEADLINE_SECONDS = 1.2
"""How long one event may try: the answer must be out within 2 s, on a busy node too, where a process waits its turn."""


class Applied(NamedTuple):
    """What became of an event, the record it met and the record it left; None where there is no such payment."""

    outcome: Outcome
    before: Payment | None = None
    after: Payment | None = None


class PaymentStore:
    """The table of payments. Every method raises UnavailableError when the table does not answer in time."""

    def __init__(self, settings: TableSettings, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._table = settings.table
        self._now = now
        self._dynamodb = Dynamodb(settings)
        self._client = self._dynamodb.client
        self._writer: GroupCommit[Update, WriteResult] = GroupCommit(self._send)

    async def apply(self, event: PaymentEvent) -> Applied:
        """Applies an event to its payment, whatever the order in which events arrive, and once only.

        The first try takes the record for one that no event has met yet, which is true of nearly all; the database
        hands back the real one when it is not, and the next try knows it.
        """
        until = asyncio.get_running_loop().time() + DEADLINE_SECONDS
        try:
            with spans.applying(event.id, event.type) as span:
                payment_id = event.payment_id or await self._payment_id_of(event, until)
                if payment_id is None:
                    return Applied(Outcome.UNMATCHED)
                return await self._apply_to(payment_id, event, span, until)
        except TimeoutError:
            raise UnavailableError(f"no answer within {DEADLINE_SECONDS} s") from None

    async def record_of(self, event: PaymentEvent) -> Payment | None:
        """The record that an event is about, read consistently; None if there is none."""
        until = asyncio.get_running_loop().time() + DEADLINE_SECONDS
        try:
            payment_id = event.payment_id or await self._payment_id_of(event, until)
            return None if payment_id is None else await self.get(payment_id)
        except TimeoutError:
            raise UnavailableError(f"no answer within {DEADLINE_SECONDS} s") from None

    async def get(self, payment_id: str) -> Payment | None:
        """The payment with this id of ours, read consistently; None if there is none."""
        item = await self._dynamodb.call(
            "get",
            self._client.get_item,
            TableName=self._table,
            Key={table.KEY: {"S": payment_id}},
            ConsistentRead=True,
        )
        return payment_of(item["Item"]) if "Item" in item else None

    async def by_session(self, session_id: str) -> Payment | None:
        """The payment whose current Checkout Session this is; the index may lag behind by a moment."""
        found = await self._query(table.SESSION_INDEX, "stripe_session_id", session_id)
        return await self.get(found[0].payment_intent_id) if found else None

    async def by_user(self, user_id: str) -> Sequence[Payment]:
        """A user's payments: their published fields."""
        return await self._query(table.USER_INDEX, "user_id", user_id)

    async def by_quote(self, quote_id: str) -> Sequence[Payment]:
        """A quote's payments: their published fields."""
        return await self._query(table.QUOTE_INDEX, "quote_id", quote_id)

    async def create(self, new: Payment) -> Payment:
        """The new record, or the one that is there already under this id, untouched."""
        now = iso(self._now())
        new = replace(new, created_at=new.created_at or now, updated_at=now)
        try:
            await self._dynamodb.call(
                "create",
                self._client.put_item,
                TableName=self._table,
                Item=item_of(new),
                ConditionExpression=f"attribute_not_exists({table.KEY})",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            return payment_of(_blocker(error))
        return new

    async def change_checkout(self, seen: Payment, **fields: Any) -> Payment:
        """The record with other checkout fields, if its status and session are as seen; raises ConflictError if not."""
        fields["updated_at"] = iso(self._now())
        after = replace(seen, **fields)
        try:
            await self._dynamodb.call(
                "change_checkout",
                self._client.update_item,
                TableName=self._table,
                **statements.checkout_update(seen, after, fields),
            )
        except ClientError as error:
            if code_of(error) != "ConditionalCheckFailedException":
                raise
            raise ConflictError(f"payment {seen.payment_intent_id} has changed meanwhile") from None
        return after

    async def ping(self) -> None:
        """Returns if the table can be read now."""
        await self.get("-")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Lets go of the connections."""
        await self._dynamodb.close()

    async def _payment_id_of(self, event: PaymentEvent, until: float) -> str | None:
        found: Sequence[Payment] = []
        async with asyncio.timeout_at(until):
            if event.session_id is not None:
                found = await self._query(table.SESSION_INDEX, "stripe_session_id", event.session_id)
            elif event.stripe_payment_intent is not None:
                found = await self._query(table.INTENT_INDEX, "stripe_payment_intent", event.stripe_payment_intent)
        return found[0].payment_intent_id if found else None

    async def _apply_to(self, payment_id: str, event: PaymentEvent, span: trace.Span, until: float) -> Applied:
        before, seen = statements.untouched(payment_id, event)
        unanswered: dict[str, Applied] = {}
        pause = 0.02
        while True:
            change = transitions.change_for(before, event)
            if not change.noted:
                return _own_write(before, event, unanswered) or Applied(change.outcome, before, before)
            at = iso(self._now())
            after = transitions.changed(before, event, change, at, spans.trace_id(span))
            update = statements.update(self._table, seen, after, change, event.fact, span)
            result = await self._result_of(update, until)
            if isinstance(result, Written):
                return Applied(change.outcome, before, after)
            if isinstance(result, Failed):
                raise result.error
            if isinstance(result, Busy):
                if result.may_be_written:
                    unanswered[at] = Applied(change.outcome, before, after)
                async with asyncio.timeout_at(until):
                    await asyncio.sleep(pause)
                pause *= 2
            elif result.item is None:
                return Applied(Outcome.UNMATCHED)
            else:
                before, seen = payment_of(result.item), result.item

    async def _result_of(self, update: Update, until: float) -> WriteResult:
        try:
            return await self._writer.submit(update, until)
        except UnreachableError:
            return Busy("unreachable", may_be_written=True)

    async def _send(self, updates: Sequence[Update]) -> Sequence[WriteResult]:
        with spans.batch([update.span for update in updates]):
            responses = await self._dynamodb.batch("apply", [(update.text, update.parameters) for update in updates])
        return [result_of(response) for response in responses]

    async def _query(self, index: str, field: str, value: str) -> Sequence[Payment]:
        try:
            answer = await self._dynamodb.call(
                "query",
                self._client.query,
                TableName=self._table,
                IndexName=index,
                KeyConditionExpression=f"{field} = :value",
                ExpressionAttributeValues={":value": {"S": value}},
            )
        except ClientError as error:
            log.warning("index_missing", index=index, code=code_of(error), remedy="run lea-payments init-table")
            return []
        if "Items" not in answer:
            raise UnavailableError("DynamoDB's answer is not whole")
        return [payment_of(item) for item in answer["Items"]]


def _blocker(error: ClientError) -> Item:
    if code_of(error) != "ConditionalCheckFailedException":
        raise error
    item: Item = error.response["Item"]  # type: ignore[typeddict-item]
    return item


def _own_write(record: Payment, event: PaymentEvent, unanswered: Mapping[str, Applied]) -> Applied | None:
    """What an earlier try of ours did, if it arrived although its answer did not."""
    times = (entry.at for entry in record.history if entry.event_id == event.id)
    return next((unanswered[at] for at in times if at in unanswered), None)
