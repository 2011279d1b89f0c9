"""What happened to a payment, for people and for programs: from its record, and from Stripe if asked; reads only."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from rich import box
from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from lea_payments.commands import explain
from lea_payments.commands.stripe_view import StripeSays, StripeView
from lea_payments.payment.record import Payment
from lea_payments.settings import SettingsError, StripeSettings, TableSettings
from lea_payments.store.errors import UnavailableError
from lea_payments.store.payments import PaymentStore
from lea_payments.stripe.reader import StripeCallError


class PaymentQuery(NamedTuple):
    """Which payments: one of the four is given."""

    payment_id: str | None = None
    session: str | None = None
    quote: str | None = None
    user: str | None = None


class Shown(NamedTuple):
    """A record, and what Stripe says of it, if that was asked for."""

    record: Payment
    stripe: StripeSays | None


def find(settings: TableSettings, query: PaymentQuery, stripe: StripeSettings | None) -> Sequence[Shown]:
    """The payments, each with what Stripe says where its settings are given; raises SettingsError."""

    async def whole() -> list[Shown]:
        view = StripeView(stripe) if stripe else None
        async with PaymentStore(settings) as store:
            return [Shown(record, await view.of(record) if view else None) for record in await _records(store, query)]

    try:
        return asyncio.run(whole())
    except UnavailableError as trouble:
        raise SettingsError(f"{trouble}; check DDB_ENDPOINT, AWS_REGION and whether the table is there") from None
    except StripeCallError as trouble:
        raise SettingsError(f"{trouble}; without --stripe the record alone is shown") from None


async def _records(store: PaymentStore, query: PaymentQuery) -> Sequence[Payment]:
    if query.payment_id is not None:
        found = [await store.get(query.payment_id)]
    elif query.session is not None:
        found = [await store.by_session(query.session)]
    else:
        by_quote = query.quote is not None
        listed = await (store.by_quote(query.quote or "") if by_quote else store.by_user(query.user or ""))
        found = [await store.get(record.payment_intent_id) for record in listed]
    return [record for record in found if record is not None]


def as_json(found: Sequence[Shown]) -> str:
    """The records as a JSON array: history, what happened in words, and what Stripe says."""
    return msgspec.json.format(msgspec.json.encode([_object(one) for one in found]), indent=2).decode()


def _object(one: Shown) -> Mapping[str, object]:
    whole = _plain(one.record)
    whole["explained"] = {
        "story": explain.story(one.record),
        "next_events": [expected._asdict() for expected in explain.next_events(one.record)],
    }
    if one.stripe is not None:
        differences = [difference._asdict() for difference in one.stripe.differences]
        whole["stripe"] = one.stripe._asdict() | {"differences": differences}
    return whole


def _plain(record: Payment) -> dict[str, object]:
    """What is set, under the names of the record; the history as objects."""
    plain: dict[str, Any] = msgspec.structs.asdict(record)
    plain["dispute_status"] = record.dispute_status.name.lower()
    plain["history"] = [entry._asdict() for entry in record.history]
    return {name: value for name, value in plain.items() if value is not None}


def as_text(found: Sequence[Shown]) -> Sequence[RenderableType]:
    """The records as tables and sentences for a terminal."""
    parts: list[RenderableType] = []
    for one in found:
        parts += [_fields(one.record), escape("\n".join(explain.story(one.record))), _history(one.record)]
        parts.append(_next(one.record))
        if one.stripe is not None:
            parts += _stripe(one.stripe)
    return parts


def _fields(record: Payment) -> Table:
    plain = {name: value for name, value in _plain(record).items() if name != "history"}
    return _pairs(f"Payment {record.payment_intent_id}", plain)


def _history(record: Payment) -> Table:
    view = Table(title="History (a copy of an event leaves no line)", box=box.SIMPLE, title_justify="left")
    for heading in ("at", "event", "type", "outcome", "status", "trace"):
        view.add_column(heading, overflow="fold")
    for entry in record.history:
        move = entry.status_from if entry.status_from == entry.status_to else f"{entry.status_from} → {entry.status_to}"
        texts = (entry.at, entry.event_id, entry.event_type, entry.outcome, move, entry.trace_id or "")
        view.add_row(*map(escape, texts))
    return view


def _next(record: Payment) -> Table:
    view = Table(title="If an event about this session came now", box=box.SIMPLE, title_justify="left")
    for heading in ("event", "rank", "outcome", "it would change"):
        view.add_column(heading, overflow="fold")
    for expected in explain.next_events(record):
        view.add_row(expected.event, str(expected.rank), expected.outcome, escape(expected.effect))
    return view


def _stripe(says: StripeSays) -> list[RenderableType]:
    parts: list[RenderableType] = [_pairs("Stripe's session", says.session or {"": "none"})]
    named = (("refund", says.refunds), ("dispute", says.disputes), ("undelivered event", says.undelivered))
    if says.payment_intent:
        parts.append(_pairs("Stripe's PaymentIntent", says.payment_intent))
    parts += [_pairs(f"Stripe's {what}", one) for what, several in named for one in several]
    if not says.differences:
        return [*parts, "[green]✓[/] The record and Stripe agree.\n"]
    return [*parts, *(f"[red]✗[/] {escape(what)}\n  → {escape(remedy)}\n" for what, remedy in says.differences)]


def _pairs(title: str, pairs: Mapping[str, object]) -> Table:
    view = Table(title=escape(title), box=box.SIMPLE, show_header=False, title_justify="left")
    for name, value in pairs.items():
        view.add_row(name, escape(str(value)))
    return view
