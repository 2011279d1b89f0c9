"""Shows payments from their records and from Stripe, as text or JSON; only reads."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from rich import box
from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from lea_payments.commands import explain
from lea_payments.commands.stripe_view import StripeState, StripeView
from lea_payments.payment.record import Payment
from lea_payments.settings import SettingsError, StripeSettings, TableSettings
from lea_payments.store.errors import UnavailableError
from lea_payments.store.payments import PaymentStore
from lea_payments.stripe.errors import StripeCallError


class PaymentQuery(NamedTuple):
    """Which payments to show: exactly one field is set."""

    payment_id: str | None = None
    session: str | None = None
    quote: str | None = None
    user: str | None = None


class PaymentView(NamedTuple):
    """A record, and the payment's state at Stripe if it was requested."""

    record: Payment
    stripe: StripeState | None


def find(settings: TableSettings, query: PaymentQuery, stripe: StripeSettings | None) -> Sequence[PaymentView]:
    """Finds payments, with their state at Stripe if its settings are given; raises SettingsError."""

    async def read() -> list[PaymentView]:
        view = StripeView(stripe) if stripe else None
        async with PaymentStore(settings) as store:
            records = await _records(store, query)
            return [PaymentView(record, await view.state_of(record) if view else None) for record in records]

    try:
        return asyncio.run(read())
    except UnavailableError as error:
        raise SettingsError(f"{error}; check DDB_ENDPOINT, AWS_REGION and whether the table exists") from None
    except StripeCallError as error:
        raise SettingsError(f"{error}; run show without --stripe to see the record alone") from None


async def _records(store: PaymentStore, query: PaymentQuery) -> Sequence[Payment]:
    if query.payment_id is not None:
        records = [await store.get(query.payment_id)]
    elif query.session is not None:
        records = [await store.by_session(query.session)]
    else:
        by_quote = query.quote is not None
        matches = await (store.by_quote(query.quote or "") if by_quote else store.by_user(query.user or ""))
        records = [await store.get(match.payment_intent_id) for match in matches]
    return [record for record in records if record is not None]


def as_json(payments: Sequence[PaymentView]) -> str:
    """The payments as a JSON array: record, history, explanation and the state at Stripe."""
    return msgspec.json.format(msgspec.json.encode([_json_object(payment) for payment in payments]), indent=2).decode()


def _json_object(payment: PaymentView) -> Mapping[str, object]:
    fields = _fields(payment.record)
    fields["explained"] = {
        "story": explain.story(payment.record),
        "next_events": [event._asdict() for event in explain.next_events(payment.record)],
    }
    if payment.stripe is not None:
        differences = [difference._asdict() for difference in payment.stripe.differences]
        fields["stripe"] = payment.stripe._asdict() | {"differences": differences}
    return fields


def _fields(record: Payment) -> dict[str, object]:
    """The fields that are set, with the history as objects."""
    fields: dict[str, Any] = msgspec.structs.asdict(record)
    fields["facts"] = {object_id: msgspec.structs.asdict(fact) for object_id, fact in record.facts.items()}
    fields["history"] = [entry._asdict() for entry in record.history]
    return {name: value for name, value in fields.items() if value is not None}


def as_text(payments: Sequence[PaymentView]) -> Sequence[RenderableType]:
    """The payments as tables and sentences for a terminal."""
    blocks: list[RenderableType] = []
    for record, stripe in payments:
        blocks += [_record(record), escape("\n".join(explain.story(record))), _history(record), _next_events(record)]
        if stripe is not None:
            blocks += _stripe(stripe)
    return blocks


def _record(record: Payment) -> Table:
    fields = {name: value for name, value in _fields(record).items() if name != "history"}
    return _pairs(f"Payment {record.payment_intent_id}", fields)


def _history(record: Payment) -> Table:
    table = Table(title="History (duplicate events are not listed)", box=box.SIMPLE, title_justify="left")
    for heading in ("at", "event", "type", "outcome", "status", "trace"):
        table.add_column(heading, overflow="fold")
    for entry in record.history:
        same = entry.status_from == entry.status_to
        status = entry.status_from if same else f"{entry.status_from} → {entry.status_to}"
        cells = (entry.at, entry.event_id, entry.event_type, entry.outcome, status, entry.trace_id or "")
        table.add_row(*map(escape, cells))
    return table


def _next_events(record: Payment) -> Table:
    table = Table(title="What the next event about this session would do", box=box.SIMPLE, title_justify="left")
    for heading in ("event", "rank", "outcome", "effect"):
        table.add_column(heading, overflow="fold")
    for event in explain.next_events(record):
        table.add_row(event.event, str(event.rank), event.outcome, escape(event.effect))
    return table


def _stripe(state: StripeState) -> list[RenderableType]:
    blocks: list[RenderableType] = [_pairs("Stripe's session", state.session or {"": "none"})]
    if state.payment_intent:
        blocks.append(_pairs("Stripe's PaymentIntent", state.payment_intent))
    lists = (("refund", state.refunds), ("dispute", state.disputes), ("undelivered event", state.undelivered))
    blocks += [_pairs(f"Stripe's {kind}", fields) for kind, objects in lists for fields in objects]
    if not state.differences:
        return [*blocks, "[green]✓[/] The record and Stripe agree.\n"]
    return [*blocks, *(f"[red]✗[/] {escape(what)}\n  → {escape(remedy)}\n" for what, remedy in state.differences)]


def _pairs(title: str, pairs: Mapping[str, object]) -> Table:
    table = Table(title=escape(title), box=box.SIMPLE, show_header=False, title_justify="left")
    for name, value in pairs.items():
        table.add_row(name, escape(str(value)))
    return table
