"""Takes a payment through its stages on DynamoDB Local, and computes the units that each stage costs."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple
from uuid import uuid4

import msgspec
from msgspec.structs import replace

from lea_payments.notifications.delivery import Delivery
from lea_payments.notifications.delivery import Outcome as DeliveryOutcome
from lea_payments.payment.event import Outcome, PaymentEvent
from lea_payments.payment.record import Payment
from lea_payments.settings import TableSettings
from lea_payments.store import table
from lea_payments.store.items import Item
from lea_payments.store.notifications.outbox import Leased, Outbox
from lea_payments.store.payments import PaymentStore
from lea_payments.stripe import events as stripe_events
from tests.bench.published import units
from tests.bench.published.stored_payments import with_session
from tests.support import stripe_bodies, tables
from tests.support.dynamodb_faults import Call, CallResponse, Forward, Meter
from tests.support.faulty_dynamodb import FaultyDynamoDB
from tests.support.item_sizes import size_of
from tests.support.ports import free_port

REFUND = 4_000
NOTIFIED_CHANGES = 2
"""The stages with a published change, after which the notifier sends: completed and refunded."""

READS = ("GetItem", "Query")
INTENT = "pi_" + "3" * 24
STAGES: Mapping[str, str] = {
    "created": "checkout writes the record",
    "session stored": "checkout stores the session and its link",
    "completed": "the webhook applies `checkout.session.completed`",
    "method known": "the webhook applies `charge.succeeded`",
    "page shown": "a page finds the payment by its session and reads it",
    "refunded": "the webhook applies `refund.created`",
    "notified": "the notifier takes the payment, sends, and stores the delivery: once for each published change",
}
"""The stages of a payment."""


class StageRow(msgspec.Struct):
    """The units of one stage, without and with notifications, and the size of the item after it, in bytes.

    `notify_index_writes` is the part of the notifier's index.
    """

    stage: str
    reads: float
    writes: int
    notifying_reads: float
    notifying_writes: int
    notify_index_writes: int
    item_bytes: int


class _Units(NamedTuple):
    """The units of one stage, the part of the notifier's index, and the size of the item after it."""

    reads: float = 0
    writes: int = 0
    in_index: int = 0
    item_bytes: int = 0


class UnitMeter(Meter):
    """Adds up the units that DynamoDB Local reports for reads, and counts the attempts of conditional writes."""

    def __init__(self) -> None:
        super().__init__()
        self.attempts = 0

    def __call__(self, call: Call, forward: Forward) -> CallResponse:
        if call.operation in READS:
            return super().__call__(call, forward)
        self.attempts += len(call.statements) if call.operation == "BatchExecuteStatement" else 1
        return forward(call)

    def reset(self) -> None:
        super().reset()
        self.attempts = 0

    def write_units(self, before: Item | None, after: Item) -> int:
        """The units of the writes between two states: attempts that failed cost those of the table alone."""
        if not self.attempts:
            return 0
        failed = units.write_units_of_table(before or {}, before or {})
        return (self.attempts - 1) * failed + units.write_units(before, after)


class _Lifecycle:
    """One payment and the units of its stages."""

    def __init__(
        self, settings: TableSettings, direct: TableSettings, meter: UnitMeter, *, notifications: bool
    ) -> None:
        self._store = PaymentStore(settings, notifications=notifications)
        self._outbox = Outbox(settings) if notifications else None
        self._client = tables.client(direct)
        self._table = settings.table
        self._meter = meter
        self._item: Item | None = None
        self.rows: dict[str, _Units] = {}

    async def run(self) -> None:
        """All stages, in order."""
        payment = with_session(0)
        link, session = payment.checkout_link, payment.stripe_session_id
        new = replace(payment, stripe_session_id=None, checkout_link=None, version=None)
        async with self._store as store:
            await self._stage("created", lambda: store.create(new))
            created = await store.get(payment.payment_intent_id)
            assert created is not None
            await self._stage(
                "session stored", lambda: store.change_checkout(created, stripe_session_id=session, checkout_link=link)
            )
            await self._stage("completed", lambda: _apply(store, _completed(payment)))
            await self._notify(payment)
            await self._stage("method known", lambda: _apply(store, _charged(payment)))
            await self._stage("page shown", lambda: store.by_session(str(session)))
            await self._stage("refunded", lambda: _apply(store, _refunded()))
            await self._notify(payment)
        if self._outbox is not None:
            await self._outbox.__aexit__(None, None, None)
        self._client.close()

    async def _notify(self, payment: Payment) -> None:
        outbox = self._outbox
        if outbox is None:
            self.rows["notified"] = _Units(item_bytes=size_of(self._read()))
            return
        leased: list[Leased | None] = []

        async def take() -> None:
            leased.append(await outbox.take(payment.payment_intent_id))

        async def finish() -> None:
            (held,) = leased
            assert held is not None
            delivery = Delivery(version=held.version, target=held.target, attempts=1, outcome=DeliveryOutcome.DELIVERED)
            assert await outbox.finish(held, {"primary": delivery}, None, dead=False)

        await self._stage("notified", take)
        await self._stage("notified", finish)

    async def _stage(self, stage: str, step: Callable[[], Awaitable[object]]) -> None:
        """Takes one step, and adds its units."""
        self._meter.reset()
        await step()
        before, after = self._item, self._read()
        earlier = self.rows.get(stage, _Units())
        self.rows[stage] = _Units(
            earlier.reads + self._meter.units,
            earlier.writes + self._meter.write_units(before, after),
            earlier.in_index + units.notify_index_units(before, after),
            size_of(after),
        )
        self._item = after

    def _read(self) -> Item:
        key = {table.KEY: {"S": with_session(0).payment_intent_id}}
        item: Item = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)["Item"]
        return item


def _event(event_type: str, resource: dict[str, Any]) -> PaymentEvent:
    event = stripe_events.translate(stripe_bodies.event(event_type, resource), livemode=False)
    assert isinstance(event, PaymentEvent)
    return replace(event, id="evt_" + "1" * 24)


def _completed(payment: Payment) -> PaymentEvent:
    resource = stripe_bodies.session(
        payment.payment_intent_id,
        id=payment.stripe_session_id,
        amount_total=payment.amount,
        currency=payment.currency,
        payment_intent=INTENT,
        metadata={"payment_intent_id": payment.payment_intent_id, "attempt": "1"},
    )
    return _event("checkout.session.completed", resource)


def _charged(payment: Payment) -> PaymentEvent:
    metadata = {"payment_intent_id": payment.payment_intent_id, "attempt": "1"}
    return _event("charge.succeeded", stripe_bodies.charge_object(INTENT, id="ch_" + "3" * 24, metadata=metadata))


def _refunded() -> PaymentEvent:
    resource = stripe_bodies.refund_object(REFUND, "succeeded", INTENT, id="re_" + "3" * 24)
    return _event("refund.created", resource)


async def _apply(store: PaymentStore, event: PaymentEvent) -> None:
    applied = await store.apply(event)
    assert applied.outcome is Outcome.APPLIED, applied


def measure(endpoint: str) -> list[StageRow]:
    """The units of every stage, without and with notifications, with the DynamoDB Local at this address."""
    plain, notifying = (_rows(endpoint, notifications=notifications) for notifications in (False, True))
    return [_row(stage, plain[stage], notifying[stage]) for stage in STAGES]


def _row(stage: str, plain: _Units, notifying: _Units) -> StageRow:
    own = (plain.reads, plain.writes, notifying.reads, notifying.writes, notifying.in_index, plain.item_bytes)
    return StageRow(stage, *own)


def _rows(endpoint: str, *, notifications: bool) -> Mapping[str, _Units]:
    name = f"stages-{uuid4()}"
    values = {"DDB_ENDPOINT": endpoint, "DYNAMODB_PAYMENTS_TABLE": name}
    direct = TableSettings.model_validate(values)
    client = tables.client(direct)
    tables.create(client, direct)
    client.close()
    with FaultyDynamoDB(endpoint, free_port()) as proxy:
        proxy.fault = meter = UnitMeter()
        settings = direct.model_copy(update={"ddb_endpoint": proxy.endpoint})
        lifecycle = _Lifecycle(settings, direct, meter, notifications=notifications)
        asyncio.run(lifecycle.run())
    return lifecycle.rows
