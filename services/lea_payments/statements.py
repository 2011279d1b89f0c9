"""An event's change as one conditional PartiQL statement; pure, and the only place that writes the language."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from opentelemetry import trace

from lea_payments import payment, table, telemetry, transitions
from lea_payments.items import Item, item_of, item_of_entry
from lea_payments.payment import Payment, PaymentEvent
from lea_payments.transitions import Change


class Update(NamedTuple):
    """One conditional write for the batch, with the span that waits for it."""

    key: str
    text: str
    parameters: Sequence[Mapping[str, Any]]
    span: trace.Span


def untouched(payment_id: str, event: PaymentEvent) -> Item:
    """The record as checkout makes it, with what the event says of it taken as true."""
    guess = Payment(
        payment_intent_id=payment_id,
        stripe_session_id=event.session_id,
        amount=event.amount,
        currency=event.currency,
    )
    return item_of(guess)


def update(
    table_name: str,
    seen: Item,
    before: Payment,
    event: PaymentEvent,
    change: Change,
    at: str,
    span: trace.Span,
) -> Update:
    """The change as one statement that holds only while all that the change was decided on is as it was seen."""
    after = item_of(transitions.changed(before, event, change, at))
    touched = (*change.fields, "updated_at", "webhook_processed_at") if change.fields else ()
    sets = tuple(name for name in touched if name in after)
    gone = tuple(name for name in touched if name not in after and name in seen)
    pins = payment.READS[event.fact]
    held = tuple(name for name in pins if name in seen)
    absent = tuple(name for name in pins if name not in seen)
    length = len(before.history)
    has_room = length < payment.HISTORY_LIMIT
    text = _text(table_name, sets, gone, held, absent, "history" in seen, has_room)
    parameters: list[Mapping[str, Any]] = [after[name] for name in sets]
    if has_room:
        trace_id = telemetry.trace_id(span)
        parameters.append({"L": [item_of_entry(transitions.entry_for(before, event, change, at, trace_id))]})
    parameters.append({"S": before.payment_intent_id})
    parameters.extend(seen[name] for name in held)
    if "history" in seen:
        parameters.append({"N": str(length)})
    return Update(before.payment_intent_id, text, parameters, span)


@lru_cache(maxsize=256)
def _text(
    table_name: str,
    sets: tuple[str, ...],
    gone: tuple[str, ...],
    held: tuple[str, ...],
    absent: tuple[str, ...],
    has_history: bool,  # noqa: FBT001 - part of the cache's key
    has_room: bool,  # noqa: FBT001 - part of the cache's key
) -> str:
    actions = [f"SET {name}=?" for name in sets]
    if has_room:
        actions.append("SET history=list_append(history, ?)" if has_history else "SET history=?")
    actions.extend(f"REMOVE {name}" for name in gone)
    conditions = [f"{table.KEY}=?"]
    conditions.extend(f"{name}=?" for name in held)
    conditions.append("size(history)=?" if has_history else "history IS MISSING")
    conditions.extend(f"{name} IS MISSING" for name in absent)
    return f'UPDATE "{table_name}" {" ".join(actions)} WHERE {" AND ".join(conditions)}'
