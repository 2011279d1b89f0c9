"""Finds the payments whose notification is due, leases each of them to one notifier, and stores the deliveries."""

import random
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, Self

from botocore.exceptions import ClientError

from lea_payments.payment.record import Payment
from lea_payments.settings import TableSettings
from lea_payments.store import dynamodb, table
from lea_payments.store.connection import PING_SECONDS, Deadline
from lea_payments.store.dynamodb import Dynamodb
from lea_payments.store.errors import ConflictError, UnavailableError
from lea_payments.store.items import Attribute, Item, payment_of
from lea_payments.store.notifications.items import (
    Deliveries,
    OutboxState,
    attribute_of,
    deliveries_of,
    number_of,
    state_of,
)
from lea_payments.store.statements import pings
from lea_payments.store.statements.outbox import DEAD_LETTERS, DELIVERIES, DUE, LEASE, SHARD, SHARDS, TARGET, shard_of

LEASE_SECONDS = 30
"""How long a notifier may take for one payment. A notifier that has crashed delays a notification by this time."""

_TRIES = 5


class Due(NamedTuple):
    """An entry of the index: a payment whose notification is due, and since when in milliseconds since 1970."""

    payment_id: str
    due_at: float


class Leased(NamedTuple):
    """A payment that this notifier holds until `until`, in milliseconds since 1970 with a fraction that is unique.

    `target` is the version of the last published change, `due_at` when its notification was due.
    """

    payment: Payment
    deliveries: Deliveries
    target: int
    due_at: float
    until: str

    @property
    def version(self) -> int:
        """The version that is sent; 0 for a record that was written by hand."""
        return self.payment.version or 0


class _Write(NamedTuple):
    """The result of one conditional write. The item is the one before it, also if the condition was false."""

    is_written: bool
    item: Item


class Outbox:
    """The notifications in the table. No method changes `version` or `updated_at`.

    Every method raises UnavailableError if the table does not respond. An entry of the index can be old, so a lease is
    taken under a condition on the payment itself.
    """

    def __init__(
        self,
        settings: TableSettings,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self._table = settings.table
        self._now = now
        self._lease_ms = int(lease_seconds * 1000)
        self._dynamodb = Dynamodb(settings)
        self._client = self._dynamodb.client

    def now(self) -> int:
        """The time in milliseconds since 1970."""
        return int(self._now().timestamp() * 1000)

    async def due(self, shard: str, limit: int, deadline: float | None = None) -> Sequence[Due]:
        """The payments of one partition that are due, the one that has waited longest first."""
        return await self._query(shard, f" AND {DUE} <= :now", {":now": {"N": str(self.now())}}, limit, deadline)

    async def dead_letters(self) -> Sequence[str]:
        """The ids of the payments whose notification was given up at one endpoint at least."""
        return [entry.payment_id for entry in await self._query(DEAD_LETTERS)]

    async def take(self, payment_id: str) -> Leased | None:
        """Leases a payment that is due; None if it is not due any more or another notifier holds it."""
        now = self.now()
        # DynamoDB drops zeros at the end of a number.
        until = f"{now + self._lease_ms}.{random.randrange(10**8):08d}1"  # noqa: S311 - it only has to be unique
        result = await self._write(
            payment_id,
            f"SET {LEASE} = :until, {DUE} = :until",
            f"{SHARD} = :shard AND {DUE} <= :now AND (attribute_not_exists({LEASE}) OR {LEASE} <= :now)",
            {":shard": {"S": shard_of(payment_id)}, ":now": {"N": str(now)}, ":until": {"N": until}},
        )
        # Not written, but with this lease: by an earlier try whose response was lost.
        if not result.is_written and result.item.get(LEASE) != {"N": until}:
            return None
        payment = payment_of(result.item)
        target = number_of(result.item, TARGET)
        target = payment.version or 0 if target is None else int(target)
        due_at = min(now, number_of(result.item, DUE) or now)
        return Leased(payment, deliveries_of(result.item), target, due_at, until)

    async def finish(self, leased: Leased, deliveries: Deliveries, next_at: int | None, *, dead: bool) -> bool:
        """Ends the lease and stores the deliveries; False if another notifier has taken the payment meanwhile.

        `next_at` is when the next attempt is due, None if nothing is left to send. `dead` says that the notification
        was given up at an endpoint. A payment that has changed meanwhile is due at once.
        """
        states = attribute_of(deliveries)
        values: dict[str, Attribute] = {":states": states, ":lease": {"N": leased.until}}
        set_states = f"SET {DELIVERIES} = :states"
        if next_at is not None:
            action, more = f"{set_states}, {DUE} = :due REMOVE {LEASE}", {":due": {"N": str(next_at)}}
        elif dead:
            action = f"{set_states}, {SHARD} = :dead, {DUE} = :due REMOVE {LEASE}"
            more = {":dead": {"S": DEAD_LETTERS}, ":due": {"N": str(self.now())}}
        else:
            action, more = f"{set_states} REMOVE {SHARD}, {DUE}, {TARGET}, {LEASE}", {}
        payment_id, held = leased.payment.payment_intent_id, f"{LEASE} = :lease"
        result = await self._write(payment_id, action, f"{held} AND {DUE} = :lease", {**values, **more})
        if not result.is_written and result.item.get(LEASE) == {"N": leased.until}:
            result = await self._write(payment_id, f"{set_states} REMOVE {LEASE}", held, values)
        return result.is_written or result.item.get(DELIVERIES) == states

    async def state(self, payment_id: str) -> OutboxState | None:
        """The state of a payment's notification, or None if there is no such payment."""
        item = await self._item(payment_id)
        return None if item is None else state_of(item)

    async def make_due(self, payment_id: str, *, only_dead_letters: bool) -> bool:
        """Makes the notification of a payment due now, at all endpoints or where it was given up.

        False if there is no such payment. Raises ConflictError if the payment changes all the time.
        """
        for _ in range(_TRIES):
            item = await self._item(payment_id)
            if item is None:
                return False
            before = {name: item[name] for name in ("version", DELIVERIES) if name in item}
            target = item.get(TARGET) if only_dead_letters else None
            kept = {name: one for name, one in deliveries_of(item).items() if not one.is_dead_lettered}
            values: dict[str, Attribute] = {
                ":shard": {"S": shard_of(payment_id)},
                ":due": {"N": str(self.now())},
                ":target": target or {"N": str(payment_of(item).version or 0)},
                ":kept": attribute_of(kept if only_dead_letters else {}),
                **{f":old_{name}": value for name, value in before.items()},
            }
            result = await self._write(
                payment_id,
                f"SET {SHARD} = :shard, {DUE} = :due, {TARGET} = :target, {DELIVERIES} = :kept",
                " AND ".join(
                    [
                        f"attribute_exists({table.KEY})",
                        *(
                            f"{name} = :old_{name}" if name in before else f"attribute_not_exists({name})"
                            for name in ("version", DELIVERIES)
                        ),
                    ]
                ),
                values,
            )
            if result.is_written:
                return True
        raise ConflictError(f"payment {payment_id} changes all the time: try again")

    async def ping(self) -> None:
        """Queries the index and writes a lease as the next notification does, without effect."""
        with Deadline(PING_SECONDS) as deadline:
            await self.due(SHARDS[0], 1, deadline)
            none = {":none": {"N": "0"}}
            await self._write(pings.NO_PAYMENT, f"SET {LEASE} = :none", pings.NEVER, none, deadline)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Closes the connections."""
        await self._dynamodb.close()

    async def _item(self, payment_id: str) -> Item | None:
        response = await self._dynamodb.call(
            "get", self._client.get_item, TableName=self._table, Key={table.KEY: {"S": payment_id}}, ConsistentRead=True
        )
        return response.get("Item")

    async def _write(
        self,
        payment_id: str,
        action: str,
        condition: str,
        values: Mapping[str, Attribute],
        deadline: float | None = None,
    ) -> _Write:
        try:
            response = await self._dynamodb.call(
                "notify",
                self._client.update_item,
                deadline=deadline,
                TableName=self._table,
                Key={table.KEY: {"S": payment_id}},
                UpdateExpression=action,
                ConditionExpression=condition,
                ExpressionAttributeValues=dict(values),
                ReturnValues="ALL_OLD",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            return _Write(is_written=False, item=dynamodb.existing_item(error))
        return _Write(is_written=True, item=response.get("Attributes", {}))

    async def _query(
        self,
        shard: str,
        condition: str = "",
        values: Mapping[str, Attribute] | None = None,
        limit: int = 0,
        deadline: float | None = None,
    ) -> Sequence[Due]:
        arguments: dict[str, Any] = {
            "TableName": self._table,
            "IndexName": table.NOTIFY_INDEX,
            "KeyConditionExpression": f"{SHARD} = :shard{condition}",
            "ExpressionAttributeValues": {":shard": {"S": shard}, **(values or {})},
        }
        try:
            items = await self._dynamodb.query(limit=limit, deadline=deadline, **arguments)
        except ClientError as error:
            raise UnavailableError(
                f"the index {table.NOTIFY_INDEX} cannot be queried ({dynamodb.code_of(error)}): "
                "run lea-payments init-table"
            ) from None
        return [Due(item[table.KEY]["S"], number_of(item, DUE) or 0) for item in items]
