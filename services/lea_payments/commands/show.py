"""Shows payments from their records and from Stripe, as text or JSON; only reads."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from botocore.exceptions import ClientError
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from lea_payments.commands import explain
from lea_payments.commands.console import json_text, line, table
from lea_payments.commands.next_events import next_events
from lea_payments.commands.stripe_view import StripeState, StripeView
from lea_payments.payment.record import Payment
from lea_payments.settings import SettingsError, StripeSettings, TableSettings
from lea_payments.store.dynamodb import code_of
from lea_payments.store.errors import UnavailableError
from lea_payments.store.payments import PaymentStore
from lea_payments.stripe.errors import StripeCallError
from lea_payments.stripe.reader import StripeReader


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
        view = StripeView(stripe, StripeReader(stripe)) if stripe else None
        async with PaymentStore(settings) as store:
            records = await _records(store, query)
            return [PaymentView(record, await view.state_of(record) if view else None) for record in records]

    try:
        return asyncio.run(read())
    except UnavailableError as error:
        raise SettingsError(f"{error}; check DDB_ENDPOINT, AWS_REGION and whether the table exists") from None
    except ClientError as error:
        raise SettingsError(
            f"DynamoDB rejects the request: {code_of(error)}; check the id and the permissions"
        ) from None
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
    return json_text([_json_object(payment) for payment in payments])


def _json_object(payment: PaymentView) -> Mapping[str, object]:
    record = payment.record
    fields = _fields(record)
    fields["explained"] = {
        "story": explain.story(record),
        "objects": [_without_none(known._asdict()) for known in explain.known_objects(record)],
        "next_events": [event._asdict() for event in next_events(record)],
    }
    if payment.stripe is not None:
        differences = [difference._asdict() for difference in payment.stripe.differences]
        fields["stripe"] = payment.stripe._asdict() | {"differences": differences, "agrees": payment.stripe.agrees}
    return fields


def _fields(record: Payment) -> dict[str, object]:
    """The fields that are set, with the history as objects."""
    fields: dict[str, Any] = msgspec.structs.asdict(record)
    fields["facts"] = {
        object_id: _without_none(msgspec.structs.asdict(fact)) for object_id, fact in record.facts.items()
    }
    fields["history"] = [entry._asdict() for entry in record.history]
    return _without_none({name: value for name, value in fields.items() if name not in _INTERNAL})


_INTERNAL = ("status_rank",)
"""The fields that are only for version 0.1.0."""


def _without_none(fields: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value is not None}


def as_text(payments: Sequence[PaymentView]) -> Sequence[RenderableType]:
    """The payments as tables and sentences for a terminal."""
    blocks: list[RenderableType] = []
    for record, stripe in payments:
        blocks += [_record(record), *explain.story(record), _objects(record)]
        blocks += [_history(record), _next_events(record)]
        if stripe is not None:
            blocks += _stripe(record, stripe)
    return blocks


def _record(record: Payment) -> Table:
    fields = {name: value for name, value in _fields(record).items() if name not in ("history", "facts")}
    return table(f"Payment {record.payment_intent_id}", (), [(name, str(value)) for name, value in fields.items()])


def _objects(record: Payment) -> Table:
    rows = [
        (_name(known), known.state, known.amount, known.payment_intent, _meaning(known))
        for known in explain.known_objects(record)
    ]
    return table("Facts by object", ("object", "state", "amount", "PaymentIntent", "meaning"), rows)


def _name(known: explain.KnownObject) -> str:
    """The id of the object. Old API versions have disputes without one."""
    has_none = known.id == f"{known.kind}:{known.payment_intent or ''}"
    return f"{known.kind} without an id" if has_none else known.id


def _meaning(known: explain.KnownObject) -> str:
    """The meaning, with what else is known."""
    details = [
        f"evidence is due on {known.evidence_due}" if known.evidence_due else None,
        f"code {known.code}" if known.code else None,
        f"attempt {known.attempt}" if known.attempt else None,
    ]
    return "; ".join([known.meaning, *filter(None, details)])


def _history(record: Payment) -> Table:
    rows = []
    for entry in record.history:
        same = entry.status_from == entry.status_to
        status = entry.status_from if same else f"{entry.status_from} → {entry.status_to}"
        rows.append((entry.at, entry.event_id, entry.event_type, entry.outcome, status, entry.trace_id))
    title = "History (events without anything new are not listed)"
    return table(title, ("at", "event", "type", "outcome", "status", "trace"), rows)


def _next_events(record: Payment) -> Table:
    rows = [(event.event, event.object_id, event.outcome, event.effect) for event in next_events(record)]
    return table("What the next event would do", ("event", "object", "outcome", "effect"), rows)


def _stripe(record: Payment, state: StripeState) -> list[RenderableType]:
    rows = [(str(each["id"]), _details(each)) for each in state.objects]
    rows += [(str(event["id"]), f"undelivered event, {_details(event)}") for event in state.undelivered]
    blocks: list[RenderableType] = [table("At Stripe", ("object", "fields"), rows)]
    for what, remedy in state.differences:
        blocks += [line("✗", "red", what), f"  → {remedy}", ""]
    for sentence in state.not_compared:
        blocks += [line("!", "yellow", f"not compared: {sentence}"), ""]
    for note in state.notes:
        blocks += [line("i", "dim", note), ""]
    if state.not_compared:
        blocks += ["Not everything was compared.", ""]
    if state.agrees:
        blocks += [_agreement(record, len(state.objects)), ""]
    return blocks


def _agreement(record: Payment, number: int) -> Text:
    if explain.needs_person(record):
        return line(
            "!", "yellow", f"Nothing differs in {number} objects at Stripe, but a person must look at the payment."
        )
    return line("✓", "green", f"The record and Stripe agree: {number} objects at Stripe were compared.")


def _details(fields: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in fields.items() if name not in ("id", "object"))
