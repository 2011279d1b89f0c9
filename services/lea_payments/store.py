"""Payments as DynamoDB items and statements, and reading them back; what an event means is payment.py's business."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from opentelemetry import trace

from lea_payments import statements, table, telemetry, transitions
from lea_payments.group_commit import GroupCommit
from lea_payments.items import Item, item_of, payment_of
from lea_payments.payment import Outcome, Payment, PaymentEvent
from lea_payments.settings import TableSettings
from lea_payments.statements import Update

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

DEADLINE_SECONDS = 1.8
"""How long one event may try: the answer must be out within 2 s."""

THREADS = 8
ResultT = TypeVar("ResultT")


class Unavailable(Exception):  # noqa: N818 - it is an answer, not an accident
    """Raised when the table cannot be reached, is too busy or too slow; nothing is known to be written."""


class Conflict(Exception):  # noqa: N818 - it is an answer, not an accident
    """Raised when a record changed between being read and being written; read it again."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of an event, the record it met and the record it left; None where there is no such payment."""

    outcome: Outcome
    before: Payment | None = None
    after: Payment | None = None


class Written(NamedTuple):
    """The write was accepted."""


class Blocked(NamedTuple):
    """The record is not as the write expected; `item` is what stands there, or None for no record."""

    item: Item | None


class Busy(NamedTuple):
    """The write met a passing trouble of the database's and may be sent again."""

    code: str


class Failed(NamedTuple):
    """The write can never be accepted; its neighbours in the batch are no worse for it."""

    error: Exception


Result = Written | Blocked | Busy | Failed
_PASSING = frozenset(
    {
        "TransactionConflict",
        "ThrottlingError",
        "RequestLimitExceeded",
        "ProvisionedThroughputExceeded",
        "InternalServerError",
    }
)
"""Codes of BatchStatementError that another try may heal (DynamoDB API reference); others are faults of ours."""


class PaymentStore:
    """The table of payments. Every method raises Unavailable when the table does not answer in time."""

    def __init__(self, settings: TableSettings, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._table = settings.table
        self._now = now
        self._dynamodb: DynamoDBClient = table.client(settings)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="dynamodb")
        self._writer: GroupCommit[Update, Result] = GroupCommit(self._send)

    async def apply(self, event: PaymentEvent) -> Applied:
        """Applies an event to its payment, whatever the order in which events arrive, and once only.

        The first try takes the record for one that no event has met yet, which is true of nearly all; the database
        hands back the real one when it is not, and the next try knows it.
        """
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                with telemetry.applying(event.id, event.type) as span:
                    payment_id = event.payment_id or await self._payment_id_of(event)
                    if payment_id is None:
                        return Applied(Outcome.UNMATCHED)
                    return await self._apply_to(payment_id, event, span)
        except TimeoutError:
            raise Unavailable(f"no answer within {DEADLINE_SECONDS} s") from None

    async def get(self, payment_id: str) -> Payment | None:
        """The payment with this id of ours, read consistently; None if there is none."""
        item = await self._call(
            "get",
            self._dynamodb.get_item,
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
            await self._call(
                "create",
                self._dynamodb.put_item,
                TableName=self._table,
                Item=item_of(new),
                ConditionExpression=f"attribute_not_exists({table.KEY})",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            return payment_of(_blocker(error))
        return new

    async def change_checkout(self, seen: Payment, **fields: Any) -> Payment:
        """The record with other checkout fields, if its status and session are as seen; raises Conflict if not."""
        fields["updated_at"] = iso(self._now())
        after = replace(seen, **fields)
        old, new = item_of(seen), item_of(after)
        sets = {name: new[name] for name in fields if name in new}
        gone = [name for name in fields if name not in new and name in old]
        names, values, clauses = {}, {}, []
        for number, (name, value) in enumerate(sets.items()):
            names[f"#s{number}"], values[f":s{number}"] = name, value
            clauses.append(f"#s{number} = :s{number}")
        expression = "SET " + ", ".join(clauses) + (" REMOVE " + ", ".join(gone) if gone else "")
        conditions = [f"attribute_exists({table.KEY})"]
        for name in ("stripe_session_id", "checkout_attempt"):
            if name in old:
                values[f":{name}"] = old[name]
                conditions.append(f"{name} = :{name}")
            else:
                conditions.append(f"attribute_not_exists({name})")
        # A record that its caller put by hand has no rank until the first event.
        conditions.append("(attribute_not_exists(status_rank) OR status_rank = :status_rank)")
        values[":status_rank"] = old["status_rank"]
        try:
            await self._call(
                "change_checkout",
                self._dynamodb.update_item,
                TableName=self._table,
                Key={table.KEY: {"S": seen.payment_intent_id}},
                UpdateExpression=expression,
                ConditionExpression=" AND ".join(conditions),
                ExpressionAttributeNames=names,
                ExpressionAttributeValues=values,
            )
        except ClientError as error:
            if _code(error) != "ConditionalCheckFailedException":
                raise
            raise Conflict(f"payment {seen.payment_intent_id} has changed meanwhile") from None
        return after

    async def ping(self) -> None:
        """Returns if the table can be read now."""
        await self.get("-")

    def close(self) -> None:
        """Lets go of the connections."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._dynamodb.close()

    async def _payment_id_of(self, event: PaymentEvent) -> str | None:
        if event.session_id is not None:
            found = await self._query(table.SESSION_INDEX, "stripe_session_id", event.session_id)
        elif event.stripe_payment_intent is not None:
            found = await self._query(table.INTENT_INDEX, "stripe_payment_intent", event.stripe_payment_intent)
        else:
            found = []
        return found[0].payment_intent_id if found else None

    async def _apply_to(self, payment_id: str, event: PaymentEvent, span: trace.Span) -> Applied:
        seen: Item = statements.untouched(payment_id, event)
        pause = 0.02
        while True:
            before = payment_of(seen)
            change = transitions.change_for(before, event)
            if not change.noted:
                return Applied(change.outcome, before, before)
            at = iso(self._now())
            result = await self._writer.submit(statements.update(self._table, seen, before, event, change, at, span))
            if isinstance(result, Written):
                return Applied(change.outcome, before, transitions.changed(before, event, change, at))
            if isinstance(result, Busy):
                await asyncio.sleep(pause)
                pause *= 2
            elif isinstance(result, Failed):
                raise result.error
            elif result.item is None:
                return Applied(Outcome.UNMATCHED)
            else:
                seen = result.item

    async def _send(self, updates: Sequence[Update]) -> Sequence[Result]:
        with telemetry.batch([update.span for update in updates]):
            statements = [
                {
                    "Statement": update.text,
                    "Parameters": update.parameters,
                    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
                }
                for update in updates
            ]
            answer = await self._call("apply", self._dynamodb.batch_execute_statement, Statements=statements)
        responses = answer.get("Responses", [])
        if len(responses) != len(updates):
            raise Unavailable("DynamoDB's answer is not whole")
        return [_result_of(response) for response in responses]

    async def _query(self, index: str, field: str, value: str) -> Sequence[Payment]:
        try:
            answer = await self._call(
                "query",
                self._dynamodb.query,
                TableName=self._table,
                IndexName=index,
                KeyConditionExpression=f"{field} = :value",
                ExpressionAttributeValues={":value": {"S": value}},
            )
        except ClientError as error:
            telemetry.log.warning("index_missing", index=index, code=_code(error), remedy="run lea-payments init-table")
            return []
        if "Items" not in answer:
            raise Unavailable("DynamoDB's answer is not whole")
        return [payment_of(item) for item in answer["Items"]]

    async def _call(self, operation: str, call: Callable[..., ResultT], **arguments: Any) -> ResultT:
        """One call in a thread; lets only refusals that mean something to the caller through as ClientError."""
        loop = asyncio.get_running_loop()
        with telemetry.store_operation(operation):
            try:
                return await loop.run_in_executor(self._threads, partial(call, **arguments))
            except ClientError as error:
                if _code(error) in ("ConditionalCheckFailedException", "ValidationException"):
                    raise
                raise Unavailable(f"DynamoDB refused: {_code(error)}") from error
            except BotoCoreError as error:
                raise Unavailable(f"DynamoDB cannot be reached: {error}") from error


def _result_of(response: Mapping[str, Any]) -> Result:
    error = response.get("Error")
    if error is None:
        return Written()
    code = error.get("Code", "")
    if code == "ConditionalCheckFailed":
        return Blocked(response.get("Item") or error.get("Item") or None)
    if code in _PASSING:
        return Busy(code)
    if code == "ResourceNotFound":
        return Failed(Unavailable("the table is not there: run lea-payments init-table"))
    return Failed(RuntimeError(f"DynamoDB refused a statement of ours: {code}: {error.get('Message', '')}"))


def _blocker(error: ClientError) -> Item:
    if _code(error) != "ConditionalCheckFailedException":
        raise error
    item: Item = error.response["Item"]  # type: ignore[typeddict-item]
    return item


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", "unknown"))


def iso(moment: datetime) -> str:
    """A time as records hold it: ISO 8601 UTC, in milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
