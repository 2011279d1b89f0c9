"""Builds the conditional writes of payments, and reads DynamoDB's result of each one."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from opentelemetry import trace

from lea_payments.payment.event import PaymentEvent
from lea_payments.payment.evidence import NEVER_MATCHES
from lea_payments.payment.facts import EXPIRED, Kind
from lea_payments.payment.record import Payment
from lea_payments.store import table
from lea_payments.store.errors import UnavailableError
from lea_payments.store.items import (
    LEGACY_OTHER_SESSION,
    Attribute,
    Item,
    attributes_of,
    item_of_entry,
    payment_of,
)


class CurrentRecord(NamedTuple):
    """A record as it is, or is assumed to be, and its item. A write is conditional on the fields in `guard`."""

    record: Payment
    item: Item
    guard: tuple[str, ...]


class Update(NamedTuple):
    """One conditional write, and the span of the event that waits for it."""

    key: str
    text: str
    parameters: Sequence[Attribute]
    span: trace.Span


class Written(NamedTuple):
    """The write is done."""


class Blocked(NamedTuple):
    """The condition was false; `current_item` is the item as it is now."""

    current_item: Item


class NotFound(NamedTuple):
    """There is no item with this key."""


class Busy(NamedTuple):
    """The write failed for a temporary reason, so it can be sent again."""

    code: str
    may_be_written: bool = False


class Failed(NamedTuple):
    """The write fails however often it is sent; the other writes of its batch are not affected."""

    error: Exception


WriteResult = Written | Blocked | NotFound | Busy | Failed
_TEMPORARY_CODES = frozenset(
    {
        "TransactionConflict",
        "ThrottlingError",
        "RequestLimitExceeded",
        "ProvisionedThroughputExceeded",
        "InternalServerError",
    }
)
"""The codes of BatchStatementError (DynamoDB API reference) after which the same statement can succeed."""

CREATED_VERSION = 1
LINKED_VERSION = 2
"""The version of a record when checkout has created it, and when it has stored the session of the first attempt."""

GUARD = ("version", "payment_status", "status_rank", "updated_at")
"""`version` is the optimistic lock. Pods of version 0.1.0 do not increment it, but every change of theirs that money
depends on changes one of the other three, even if two writes happen in the same millisecond."""

_GUESS_GUARD = ("version", "status_rank", "checkout_attempt", "payment_status", "facts", "history")
_EXPIRED_GUESS_GUARD = (*_GUESS_GUARD, "stripe_session_id")
_SESSION_GUESS_GUARD = (*_EXPIRED_GUESS_GUARD, "amount", "currency")


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
    )
    guard = _GUESS_GUARD
    if is_session:
        guard = _EXPIRED_GUESS_GUARD if fact.state == EXPIRED else _SESSION_GUESS_GUARD
    return CurrentRecord(guess, attributes_of(guess, guard), guard)


def update(table_name: str, before: CurrentRecord, after: Payment, span: trace.Span) -> Update:
    """The change as a PartiQL statement. It also repairs the fields that have another type than they should."""
    assigned, removed = _differences(before.item, after)
    has_history = "L" in before.item.get("history", {})
    adds_entry = len(after.history) > len(before.record.history)
    parameters: list[Attribute] = [*assigned.values()]
    if adds_entry:
        parameters.append({"L": [item_of_entry(after.history[-1])]})
    parameters.append({"S": after.payment_intent_id})
    conditions = tuple(_condition(name, before.item.get(name)) for name in before.guard)
    parameters.extend(before.item[name] for name, operator in conditions if operator == _EQUAL)
    text = _text(table_name, tuple(assigned), removed, conditions, has_history, adds_entry)
    return Update(after.payment_intent_id, text, parameters, span)


def _differences(item: Item, after: Payment) -> tuple[dict[str, Attribute], tuple[str, ...]]:
    """The attributes to assign and the names to remove, so that the item has the values of `after`."""
    new = attributes_of(after)
    del new[table.KEY]
    new.pop("history", None)
    if after.amount == NEVER_MATCHES:
        new["amount"] = item.get("amount", {})
    removed = tuple(name for name in _REMOVABLE if name in item and name not in new)
    return {name: value for name, value in new.items() if item.get(name) != value}, removed


_REMOVABLE = tuple(name for name in Payment.__struct_fields__ if name not in (table.KEY, "history"))
_EQUAL, _NULL, _MISSING = "=?", " IS NULL", " IS MISSING"


def _condition(name: str, attribute: Attribute | None) -> tuple[str, str]:
    if attribute is None:
        return name, _MISSING
    return name, _NULL if "NULL" in attribute else _EQUAL


@lru_cache(maxsize=256)
def _text(
    table_name: str,
    assigned: tuple[str, ...],
    removed: tuple[str, ...],
    conditions: tuple[tuple[str, str], ...],
    has_history: bool,  # noqa: FBT001 - part of the cache's key
    adds_entry: bool,  # noqa: FBT001 - part of the cache's key
) -> str:
    """The statement's text; its parameters are in the order in which `update` appends them."""
    actions = [f"SET {name}=?" for name in assigned]
    if adds_entry:
        actions.append("SET history=list_append(history, ?)" if has_history else "SET history=?")
    actions.extend(f"REMOVE {name}" for name in removed)
    # PartiQL's UPDATE never creates an item: without one the condition is false and no current item is returned.
    where = [f"{table.KEY}=?", *(f"{name}{operator}" for name, operator in conditions)]
    return f'UPDATE "{table_name}" {" ".join(actions)} WHERE {" AND ".join(where)}'


_CHECKOUT_GUARD: Mapping[str, str] = {"version": "N", "status_rank": "N", "updated_at": "S"}
"""The fields on which checkout's writes are conditional, with their types. Every new status has another rank."""


def checkout_update(before: Payment, after: Payment) -> dict[str, Any]:
    """UpdateItem's arguments for the changed fields, if nobody has written the record since it was read."""
    old, new = attributes_of(before), attributes_of(after)
    # `facts` can contain evidence that is not stored yet, and the published fields that state it are overwritten.
    assigned = [name for name in new if name == "facts" or (name != "history" and new[name] != old.get(name))]
    removed = [name for name in old if name != "history" and name not in new]
    values = {f":new_{name}": new[name] for name in assigned}
    assignments = [f"{name} = :new_{name}" for name in assigned]
    if before.stripe_session_id and not after.stripe_session_id:
        assignments.append(f"{LEGACY_OTHER_SESSION} = :former_session")
        values[":former_session"] = {"S": before.stripe_session_id}
    expression = "SET " + ", ".join(assignments)
    if removed:
        expression += " REMOVE " + ", ".join(removed)
    conditions = [f"attribute_exists({table.KEY})"]
    for name, kind in _CHECKOUT_GUARD.items():
        # The field can be missing, or a person has written something of another type into it.
        condition = f"NOT attribute_type({name}, :type_{name})"
        values[f":type_{name}"] = {"S": kind}
        if name in old:
            condition = f"({name} = :old_{name} OR {condition})"
            values[f":old_{name}"] = old[name]
        conditions.append(condition)
    return {
        "Key": {table.KEY: old[table.KEY]},
        "UpdateExpression": expression,
        "ConditionExpression": " AND ".join(conditions),
        "ExpressionAttributeValues": values,
    }


def result_of(response: Mapping[str, Any]) -> WriteResult:
    """DynamoDB's response to one statement of a batch as a result."""
    error = response.get("Error")
    if error is None:
        return Written()
    code = error.get("Code", "")
    if code == "ConditionalCheckFailed":
        # ALL_OLD returns the current item in the error or, as the API reference also allows, beside it.
        current_item = response.get("Item") or error.get("Item")
        return Blocked(current_item) if current_item else NotFound()
    if code in _TEMPORARY_CODES:
        return Busy(code)
    if code == "ResourceNotFound":
        return Failed(UnavailableError("the table does not exist: run lea-payments init-table"))
    return Failed(RuntimeError(f"DynamoDB rejected a statement: {code}: {error.get('Message', '')}"))
