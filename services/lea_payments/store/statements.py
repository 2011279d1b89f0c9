"""Builds the conditional writes of payments, and reads DynamoDB's result of each one."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from opentelemetry import trace

from lea_payments.payment.event import PaymentEvent
from lea_payments.payment.evidence import NEVER_MATCHES
from lea_payments.payment.facts import Kind
from lea_payments.payment.record import Payment
from lea_payments.store import table
from lea_payments.store.errors import UnavailableError
from lea_payments.store.items import Attribute, Item, attributes_of, item_of_entry, payment_of


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

GUARD = ("version", "payment_status", "updated_at")
"""`version` is the optimistic lock. Pods of version 0.1.0 do not increment it, but they change the other two."""

_EVENT_FIELDS = (
    *("payment_status", "version", "facts", "status_reason", "status_rank", "amount_refunded", "dispute_status"),
    *("other_session_id", "awaiting_funds_on", "checkout_attempt", "history"),
)
_SESSION_FIELDS = ("stripe_session_id", "amount", "currency")
_CHECKOUT_FIELDS = ("traceparent", "checkout_attempt_at", "checkout_locale")
"""The fields that a guess states. A record with another value, also of another type, is read before it is written."""

_GUESS_GUARDS: Mapping[tuple[bool, bool], tuple[str, ...]] = {
    (is_session, by_checkout): (
        *_EVENT_FIELDS,
        *(_SESSION_FIELDS if is_session else ()),
        *(() if by_checkout else _CHECKOUT_FIELDS),
    )
    for is_session in (True, False)
    for by_checkout in (True, False)
}


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
    guard = _GUESS_GUARDS[is_session, by_checkout]
    return CurrentRecord(guess, attributes_of(guess, guard), guard)


def update(table_name: str, before: CurrentRecord, after: Payment, span: trace.Span) -> Update:
    """The change as a PartiQL statement. It also repairs the fields that have another type than they should."""
    assigned, removed = _differences(before.item, after)
    history, entries = _history_change(before, after)
    parameters: list[Attribute] = [*assigned.values()]
    if entries:
        parameters.append({"L": entries})
    parameters.append({"S": after.payment_intent_id})
    conditions = tuple(_condition(name, before.item.get(name)) for name in before.guard)
    parameters.extend(before.item[name] for name, operator in conditions if operator == _EQUAL)
    text = _text(table_name, tuple(assigned), removed, conditions, history)
    return Update(after.payment_intent_id, text, parameters, span)


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
    history: str,
) -> str:
    """The statement's text; its parameters are in the order in which `update` appends them.

    Only documented syntax is used: DynamoDB Local accepts more than AWS does. See "PartiQL update statements for
    DynamoDB", "Use PartiQL operators with DynamoDB" and "Use PartiQL functions with DynamoDB" in the developer guide.
    """
    actions = [f"SET {name}=?" for name in assigned]
    if history:
        actions.append(history)
    actions.extend(f"REMOVE {name}" for name in removed)
    # PartiQL's UPDATE never creates an item: without one the condition is false and no current item is returned.
    where = [f"{table.KEY}=?", *(f"{name}{operator}" for name, operator in conditions)]
    return f'UPDATE "{table_name}" {" ".join(actions)} WHERE {" AND ".join(where)}'


def as_read(record: Payment) -> CurrentRecord:
    """A record that was read earlier. Its item is not known: a person can have written, say, the version as text."""
    return CurrentRecord(record, attributes_of(record), ("version", "updated_at"))


def checkout_update(before: CurrentRecord, after: Payment) -> dict[str, Any]:
    """UpdateItem's arguments for all fields but the history, if nobody has written the record since it was read."""
    assigned = attributes_of(after)
    key = assigned.pop(table.KEY)
    removed = [name for name in _REMOVABLE if name not in assigned]
    if assigned.pop("history", None) is None:
        removed.append("history")
    if after.amount == NEVER_MATCHES:
        del assigned["amount"]
    values = {f":new_{name}": value for name, value in assigned.items()}
    conditions = [f"attribute_exists({table.KEY})"]
    for name in before.guard:
        if name in before.item:
            conditions.append(f"{name} = :old_{name}")
            values[f":old_{name}"] = before.item[name]
        else:
            conditions.append(f"attribute_not_exists({name})")
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
