"""Builds the conditional write of an event as a PartiQL statement."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec

from lea_payments.payment.changes import is_published
from lea_payments.payment.record import Payment
from lea_payments.store import table
from lea_payments.store.items import Attribute, Item, attributes_of, facts_attribute, item_of_entry, unreadable_fields
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
    if before.assumption:
        item = before.item
        conditions = _conditions_of_guess(before.assumption, removed, before.guard, tuple(item))
        parameters.extend(item.values())
    else:
        conditions, values = _conditions(before)
        parameters.extend(values)
    text = statement_text(table_name, tuple(assigned), removed, conditions, history)
    return Update(after.payment_intent_id, text, parameters, applying)


def _conditions(before: CurrentRecord) -> tuple[tuple[str, ...], Sequence[Attribute]]:
    """What must be true of an item that was read, and the parameters of these conditions."""
    conditions: list[str] = []
    values: list[Attribute] = []
    for name in before.guard:
        attribute = before.item.get(name, ABSENT)
        (kind,) = attribute
        if not kind:
            conditions.append(f"{name} IS MISSING")
        elif kind in COMPARABLE:
            conditions.append(f"{name}=?")
            values.append(attribute)
        else:
            conditions.append(f"attribute_type({name},'{kind}')")
    return tuple(conditions), values


@lru_cache(maxsize=64)
def _conditions_of_guess(
    assumption: str, removed: tuple[str, ...], guard: tuple[str, ...], guessed: tuple[str, ...]
) -> tuple[str, ...]:
    """What must be true of an item that was not read; the guessed values are the parameters, in the guard's order."""
    # AWS does not document what REMOVE does with an attribute that is missing.
    link = [_HAS_LINK] if removed else []
    return (assumption, *link, *[f"{name}=?" if name in guessed else f"{name} IS MISSING" for name in guard])


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
    # Without a loop over names and `attributes_of`, because this runs for every event. A test compares the two.
    assigned = _status_changes(record, after)
    if (session_id := after.stripe_session_id) and session_id != record.stripe_session_id:
        assigned["stripe_session_id"] = {"S": session_id}
    if (intent := after.stripe_payment_intent) and intent != record.stripe_payment_intent:
        assigned["stripe_payment_intent"] = {"S": intent}
    if (other_session_id := after.other_session_id) and other_session_id != record.other_session_id:
        assigned["other_session_id"] = {"S": other_session_id}
    if (facts := after.facts) and facts != record.facts:
        assigned["facts"] = facts_attribute(facts)
    if (version := after.version) is not None and version != record.version:
        assigned["version"] = {"N": str(version)}
    if (updated_at := after.updated_at) and updated_at != record.updated_at:
        assigned["updated_at"] = {"S": updated_at}
    if (processed_at := after.webhook_processed_at) and processed_at != record.webhook_processed_at:
        assigned["webhook_processed_at"] = {"S": processed_at}
    ends_link = record.checkout_link is not None and after.checkout_link is None
    return assigned, ("checkout_link",) if ends_link else ()


def _status_changes(record: Payment, after: Payment) -> dict[str, Attribute]:
    """What an event assigns of the payment's status and what belongs to it."""
    assigned: dict[str, Attribute] = {}
    if after.payment_status is not record.payment_status:
        assigned["payment_status"] = {"S": str(after.payment_status)}
    if (reason := after.status_reason) and reason != record.status_reason:
        assigned["status_reason"] = {"S": str(reason)}
    if (rank := after.status_rank) is not None and rank != record.status_rank:
        assigned["status_rank"] = {"N": str(rank)}
    if (day := after.awaiting_funds_on) and day != record.awaiting_funds_on:
        assigned["awaiting_funds_on"] = {"S": day}
    if (refunded := after.amount_refunded) and refunded != record.amount_refunded:
        assigned["amount_refunded"] = {"N": str(refunded)}
    if after.dispute_status is not record.dispute_status:
        assigned["dispute_status"] = {"S": str(after.dispute_status)}
    return assigned


def _repairs(item: Item, after: Payment) -> tuple[dict[str, Attribute], tuple[str, ...]]:
    """The attributes to assign and the names to remove, so that the item has the values of `after`."""
    new = attributes_of(after, WRITTEN_FIELDS)
    for name in unreadable_fields(after):
        new[name] = item.get(name, {})
    removed = tuple(name for name in WRITTEN_FIELDS if name in item and name not in new)
    return {name: value for name, value in new.items() if item.get(name) != value}, removed


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
