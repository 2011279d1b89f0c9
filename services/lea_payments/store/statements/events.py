"""Builds the conditional write of an event as a PartiQL statement."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec

from lea_payments.payment.changes import is_published
from lea_payments.payment.record import Payment
from lea_payments.store import table
from lea_payments.store.items import WRITERS, Attribute, Item, attributes_of, item_of_entry, unreadable_fields
from lea_payments.store.statements import outbox
from lea_payments.store.statements.records import ABSENT, COMPARABLE, SOME_LINK, WRITTEN_FIELDS, CurrentRecord
from lea_payments.telemetry.applying import Applying


class Update(msgspec.Struct, frozen=True, gc=False):
    """One conditional write, and the application of the event that waits for it."""

    key: str
    text: str
    parameters: Sequence[Attribute]
    applying: Applying


_HAS_LINK = f"begins_with(checkout_link,'{SOME_LINK}')"


def update(
    table_name: str, before: CurrentRecord, after: Payment, applying: Applying, notify_at: datetime | None = None
) -> Update:
    """The change as a PartiQL statement. It also repairs the fields that have another type than they should.

    With `notify_at`, a published change marks the payment for the notifier, which is due then.
    """
    assigned, removed = _changes(before, after) if before.assumption else _repairs(before.item, after)
    if notify_at is not None and is_published(before.record, after):
        assigned.update(outbox.marks(after, notify_at))
    history, entries = _history_change(before, after)
    parameters: list[Attribute] = [*assigned.values()]
    if entries:
        parameters.append({"L": entries})
    parameters.append({"S": after.payment_intent_id})
    conditions = [before.assumption] if before.assumption else []
    if before.assumption and removed:
        conditions.append(_HAS_LINK)  # AWS does not document what REMOVE does with an attribute that is missing
    for name in before.guard:
        attribute = before.item.get(name, ABSENT)
        (kind,) = attribute
        if not kind:
            conditions.append(f"{name} IS MISSING")
        elif kind in COMPARABLE:
            conditions.append(f"{name}=?")
            parameters.append(attribute)
        else:
            conditions.append(f"attribute_type({name},'{kind}')")
    text = statement_text(table_name, tuple(assigned), removed, tuple(conditions), history)
    return Update(after.payment_intent_id, text, parameters, applying)


_APPEND, _ASSIGN, _REMOVE = "SET history=list_append(history, ?)", "SET history=?", "REMOVE history"


def _history_change(before: CurrentRecord, after: Payment) -> tuple[str, list[Any]]:
    """The action that adds the new entry, or writes the whole history if the item's is not a list of entries."""
    stored = before.item.get("history")
    if stored is not None and stored.get("L") == [item_of_entry(entry) for entry in before.record.history]:
        new = after.history[len(before.record.history) :]
        return _APPEND if new else "", [item_of_entry(entry) for entry in new]
    if after.history:
        return _ASSIGN, [item_of_entry(entry) for entry in after.history]
    return "" if stored is None else _REMOVE, []


def _changes(before: CurrentRecord, after: Payment) -> tuple[dict[str, Attribute], tuple[str, ...]]:
    """What an event assigns and removes in a record that is as checkout, or a person, has created it."""
    record = before.record
    # In one step, without a list of changed names and `attributes_of`: this runs for every event.
    assigned = {
        name: attribute
        for name, convert in _EVENT_WRITERS
        if (value := getattr(after, name)) != getattr(record, name) and (attribute := convert(value)) is not None
    }
    ends_link = record.checkout_link is not None and after.checkout_link is None
    return assigned, ("checkout_link",) if ends_link else ()


def _repairs(item: Item, after: Payment) -> tuple[dict[str, Attribute], tuple[str, ...]]:
    """The attributes to assign and the names to remove, so that the item has the values of `after`."""
    new = attributes_of(after, WRITTEN_FIELDS)
    for name in unreadable_fields(after):
        new[name] = item.get(name, {})
    removed = tuple(name for name in WRITTEN_FIELDS if name in item and name not in new)
    return {name: value for name, value in new.items() if item.get(name) != value}, removed


_EVENT_FIELDS = (
    *("payment_status", "status_reason", "status_rank", "stripe_session_id", "stripe_payment_intent"),
    *("other_session_id", "awaiting_funds_on", "amount_refunded", "dispute_status"),
    *("facts", "version", "updated_at", "webhook_processed_at"),
)
_EVENT_WRITERS = tuple((name, WRITERS[name]) for name in _EVENT_FIELDS)


@lru_cache(maxsize=256)
def statement_text(
    table_name: str,
    assigned: tuple[str, ...],
    removed: tuple[str, ...],
    conditions: tuple[str, ...],
    history: str,
) -> str:
    """The statement's text; its parameters are in the order in which `update` appends them.

    Only documented syntax is used, because DynamoDB Local accepts more than AWS does. In the developer guide, see
    "PartiQL update statements", "PartiQL data types", "PartiQL arithmetic, comparison, and logical operators" and
    "Use PartiQL functions with DynamoDB".
    """
    actions = [f"SET {name}=?" for name in assigned]
    if history:
        actions.append(history)
    actions.extend(f"REMOVE {name}" for name in removed)
    # PartiQL's UPDATE never creates an item: without one the condition is false and no current item is returned.
    return f'UPDATE "{table_name}" {" ".join(actions)} WHERE {" AND ".join((f"{table.KEY}=?", *conditions))}'
