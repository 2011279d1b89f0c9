"""Builds the conditional writes of payments."""

from collections.abc import Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any, NamedTuple

from opentelemetry import trace

from lea_payments.payment.event import PaymentEvent
from lea_payments.payment.facts import Kind
from lea_payments.payment.record import Payment
from lea_payments.store import table
from lea_payments.store.items import (
    LEGACY_OTHER_SESSION,
    Attribute,
    Item,
    attributes_of,
    item_of_entry,
    payment_of,
    unreadable_fields,
)


class CurrentRecord(NamedTuple):
    """A record as it is, or is assumed to be, and its item.

    A write is conditional on the fields in `guard` and, if the record is a guess, on the `assumption`.
    """

    record: Payment
    item: Item
    guard: tuple[str, ...]
    assumption: str = ""


class Update(NamedTuple):
    """One conditional write, and the span of the event that waits for it."""

    key: str
    text: str
    parameters: Sequence[Attribute]
    span: trace.Span


NO_PAYMENT = "-"
"""The key of writes and reads without effect. It never has a record."""

NEVER = f"attribute_exists({table.KEY}) AND attribute_not_exists({table.KEY})"
"""A condition that is never true."""

CREATED_VERSION = 1
LINKED_VERSION, SOME_LINK = 2, "http"
"""The version of a record when checkout has created it, and when it has stored the first session and its link."""

GUARD = ("version", "payment_status", "status_rank", "updated_at")
"""`version` is the optimistic lock. Pods of version 0.1.0 do not increment it, but change one of the other three."""

_SESSION_FIELDS = ("stripe_session_id", "amount", "currency")
_WRITTEN_BY_EVENTS = (
    *("facts", "history", "status_reason", "amount_refunded", "dispute_status", "other_session_id"),
    "awaiting_funds_on",
)
_CANCELED = "canceled_at"
_WRITTEN_BY_CHECKOUT = ("traceparent", "checkout_attempt_at", "checkout_locale", "checkout_link", _CANCELED)


def _without(*names: str) -> str:
    return " AND ".join(f"{name} IS MISSING" for name in names)


_BY_CHECKOUT = (
    f"version={LINKED_VERSION} AND payment_status='pending' AND status_rank=0 AND checkout_attempt=1"
    f" AND {_without(*_WRITTEN_BY_EVENTS, _CANCELED)}"
)
_HAS_LINK = f"begins_with(checkout_link,'{SOME_LINK}')"
_BY_HAND = "payment_status='pending' AND " + _without(
    *("version", "status_rank", "checkout_attempt", "stripe_payment_intent"), *_WRITTEN_BY_CHECKOUT, *_WRITTEN_BY_EVENTS
)
"""What a guess assumes. A record with another value, also of another type, is read before it is written."""


def current(item: Item) -> CurrentRecord:
    """The record that DynamoDB returned."""
    return CurrentRecord(payment_of(item), item, GUARD)


def untouched(payment_id: str, event: PaymentEvent) -> CurrentRecord:
    """A guess of the record before its first event: what checkout writes, with the event's own values.

    The item has only the fields on which the write will be conditional. If the guess is wrong, the condition is false.
    """
    fact = event.fact
    is_session = fact.kind == Kind.SESSION
    by_checkout = fact.attempt == 1
    guess = Payment(
        payment_intent_id=payment_id,
        stripe_session_id=event.session_id,
        amount=fact.amount if is_session else None,
        currency=fact.currency if is_session else None,
        version=LINKED_VERSION if by_checkout else None,
        status_rank=0 if by_checkout else None,
        checkout_attempt=1 if by_checkout else 0,
        checkout_link=SOME_LINK if by_checkout else None,
    )
    guard = _SESSION_FIELDS if is_session else ()
    return CurrentRecord(guess, attributes_of(guess, guard), guard, _BY_CHECKOUT if by_checkout else _BY_HAND)


def update(table_name: str, before: CurrentRecord, after: Payment, span: trace.Span) -> Update:
    """The change as a PartiQL statement. It also repairs the fields that have another type than they should."""
    assigned, removed = _changes(before, after) if before.assumption else _repairs(before.item, after)
    history, entries = _history_change(before, after)
    parameters: list[Attribute] = [*assigned.values()]
    if entries:
        parameters.append({"L": entries})
    parameters.append({"S": after.payment_intent_id})
    conditions = [before.assumption] if before.assumption else []
    if before.assumption and removed:
        conditions.append(_HAS_LINK)  # AWS does not document what REMOVE does with an attribute that is missing
    for name in before.guard:
        ((kind, value),) = before.item.get(name, _ABSENT).items()
        if not kind:
            conditions.append(f"{name} IS MISSING")
        elif kind in _COMPARABLE:
            conditions.append(f"{name}=?")
            parameters.append({kind: value})
        else:
            conditions.append(f"attribute_type({name},'{kind}')")
    text = _text(table_name, tuple(assigned), removed, tuple(conditions), history)
    return Update(after.payment_intent_id, text, parameters, span)


_ABSENT: Attribute = {"": None}
_COMPARABLE = ("S", "N")
"""The types of the fields of a guard. A value of another type is not compared: only its type must still be the same."""

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
    values = zip(_EVENT_FIELDS, _event_values(before.record), _event_values(after), strict=True)
    ends_link = before.record.checkout_link is not None and after.checkout_link is None
    changed = attributes_of(after, [name for name, old, new in values if old != new])
    return changed, ("checkout_link",) if ends_link else ()


def _repairs(item: Item, after: Payment) -> tuple[dict[str, Attribute], tuple[str, ...]]:
    """The attributes to assign and the names to remove, so that the item has the values of `after`."""
    new = attributes_of(after, _WRITTEN_FIELDS)
    for name in unreadable_fields(after):
        new[name] = item.get(name, {})
    removed = tuple(name for name in _WRITTEN_FIELDS if name in item and name not in new)
    return {name: value for name, value in new.items() if item.get(name) != value}, removed


_WRITTEN_FIELDS = tuple(name for name in Payment.__struct_fields__ if name not in (table.KEY, "history"))
_EVENT_FIELDS = (
    *("payment_status", "status_reason", "status_rank", "stripe_session_id", "stripe_payment_intent"),
    *("other_session_id", "awaiting_funds_on", "amount_refunded", "dispute_status"),
    *("facts", "version", "updated_at", "webhook_processed_at"),
)
_event_values = attrgetter(*_EVENT_FIELDS)


@lru_cache(maxsize=256)
def _text(
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


def without_effect(table_name: str) -> Update:
    """A write that has the form of an event's and changes nothing: there is no record with this key or this status."""
    text = _text(table_name, ("updated_at",), (), (f"payment_status='{NO_PAYMENT}'", "version IS MISSING"), "")
    return Update(NO_PAYMENT, text, [{"S": NO_PAYMENT}] * 2, trace.INVALID_SPAN)


def creation_without_effect(table_name: str) -> dict[str, Any]:
    """PutItem's arguments, under a condition that is never true."""
    return {"TableName": table_name, "Item": {table.KEY: {"S": NO_PAYMENT}}, "ConditionExpression": NEVER}


def as_read(record: Payment) -> CurrentRecord:
    """A record that was read earlier. Its item is not known: a person can have written, say, the version as text."""
    return CurrentRecord(record, attributes_of(record), GUARD)


def checkout_update(before: CurrentRecord, after: Payment) -> dict[str, Any]:
    """UpdateItem's arguments for all fields but the history, if nobody has written the record since it was read."""
    assigned = attributes_of(after)
    key = assigned.pop(table.KEY)
    removed = [name for name in _WRITTEN_FIELDS if name not in assigned]
    if assigned.pop("history", None) is None:
        removed.append("history")
    for name in unreadable_fields(after):
        del assigned[name]
    former_session = before.record.stripe_session_id
    if former_session and not after.stripe_session_id:
        assigned[LEGACY_OTHER_SESSION] = {"S": former_session}
    values = {f":new_{name}": value for name, value in assigned.items()}
    conditions = [f"attribute_exists({table.KEY})"]
    for name in before.guard:
        ((kind, value),) = before.item.get(name, _ABSENT).items()
        if not kind:
            conditions.append(f"attribute_not_exists({name})")
        elif kind in _COMPARABLE:
            conditions.append(f"{name} = :old_{name}")
            values[f":old_{name}"] = {kind: value}
        else:
            conditions.append(f"attribute_type({name}, :type_{name})")
            values[f":type_{name}"] = {"S": kind}
    expression = "SET " + ", ".join(f"{name} = :new_{name}" for name in assigned)
    if removed:
        expression += " REMOVE " + ", ".join(removed)
    return {
        "Key": {table.KEY: key},
        "UpdateExpression": expression,
        "ConditionExpression": " AND ".join(conditions),
        "ExpressionAttributeValues": values,
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
