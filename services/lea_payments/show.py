"""What happened to a payment, for people and for programs, from its record alone; changes nothing."""

from collections.abc import Sequence

import msgspec
from rich import box
from rich.console import RenderableType
from rich.table import Table

from lea_payments.payment import HistoryEntry, Outcome, Payment
from lea_payments.store import PaymentStore

MEANING = {
    Outcome.APPLIED: "it changed the record",
    Outcome.REVIEW: "a person must look: see the reason",
    Outcome.STALE: "not applied: the record already knew better",
}


async def find(
    store: PaymentStore, payment_id: str | None, session: str | None, quote: str | None, user: str | None
) -> Sequence[Payment]:
    """The whole records that one of the four leads to; raises Unavailable."""
    if payment_id is not None:
        found = [await store.get(payment_id)]
    elif session is not None:
        found = [await store.by_session(session)]
    else:
        listed = await (store.by_quote(quote) if quote is not None else store.by_user(user or ""))
        found = [await store.get(record.payment_intent_id) for record in listed]
    return [record for record in found if record is not None]


def as_json(found: Sequence[Payment]) -> str:
    """The records as a JSON array, history included."""
    return msgspec.json.format(msgspec.json.encode([_plain(record) for record in found]), indent=2).decode()


def _plain(record: Payment) -> dict[str, object]:
    """What is set, under the names of the record; the history as objects."""
    plain = msgspec.structs.asdict(record)
    plain["dispute_status"] = record.dispute_status.name.lower()
    plain["history"] = [entry._asdict() for entry in record.history]
    return {name: value for name, value in plain.items() if value is not None}


def as_text(found: Sequence[Payment]) -> Sequence[RenderableType]:
    """The records as tables for a terminal."""
    return [part for record in found for part in (_fields(record), _history(record), _last(record))]


def _fields(record: Payment) -> Table:
    view = Table(title=f"Payment {record.payment_intent_id}", box=box.SIMPLE, show_header=False, title_justify="left")
    for name, value in _plain(record).items():
        if name != "history":
            view.add_row(name, str(value))
    return view


def _history(record: Payment) -> Table:
    view = Table(title="History", box=box.SIMPLE, title_justify="left")
    for heading in ("at", "event", "type", "outcome", "status", "trace"):
        view.add_column(heading)
    for entry in record.history:
        move = entry.status_from if entry.status_from == entry.status_to else f"{entry.status_from} → {entry.status_to}"
        view.add_row(entry.at, entry.event_id, entry.event_type, entry.outcome, move, entry.trace_id or "")
    return view


def _last(record: Payment) -> str:
    if not record.history:
        return "No event of Stripe's has reached this payment yet.\n"
    entry = record.history[-1]
    return f"The last event, {entry.event_type}, was {entry.outcome}: {_meaning(entry)}.\n"


def _meaning(entry: HistoryEntry) -> str:
    return MEANING.get(Outcome(entry.outcome), entry.outcome)
