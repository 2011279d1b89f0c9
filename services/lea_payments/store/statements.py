"""Builds the conditional writes of payments, and reads DynamoDB's result of each one."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from opentelemetry import trace

from lea_payments.payment import rules
from lea_payments.payment.event import Fact, PaymentEvent
from lea_payments.payment.record import Payment
from lea_payments.payment.transitions import Change
from lea_payments.store import table
from lea_payments.store.errors import UnavailableError
from lea_payments.store.items import Attribute, Item, attributes_of, item_of, item_of_entry


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


def untouched(payment_id: str, event: PaymentEvent) -> tuple[Payment, Item]:
    """A guess of the record and its item before the first event: what checkout writes, with the event's own values.

    The item has only the fields on which the write will be conditional. If the guess is wrong, the condition is false.
    """
    guess = Payment(
        payment_intent_id=payment_id,
        stripe_session_id=event.session_id,
        amount=event.amount,
        currency=event.currency,
    )
    return guess, attributes_of(guess, (*rules.READS[event.fact], "history"))


def update(table_name: str, current_item: Item, after: Payment, change: Change, fact: Fact, span: trace.Span) -> Update:
    """The change as a PartiQL statement, conditional on every field that the decision has read."""
    written_fields = (*change.fields, "updated_at", "webhook_processed_at") if change.fields else ()
    new_values = attributes_of(after, written_fields)
    removed = tuple(name for name in written_fields if name not in new_values and name in current_item)
    condition_fields = rules.READS[fact]
    equal = tuple(name for name in condition_fields if name in current_item)
    missing = tuple(name for name in condition_fields if name not in current_item)
    # The history only grows, so its length stands for its content.
    length = len(current_item["history"]["L"]) if "history" in current_item else None
    adds_entry = len(after.history) > (length or 0)
    parameters: list[Attribute] = [*new_values.values()]
    if adds_entry:
        parameters.append({"L": [item_of_entry(after.history[-1])]})
    parameters.append({"S": after.payment_intent_id})
    parameters.extend(current_item[name] for name in equal)
    if length is not None:
        parameters.append({"N": str(length)})
    text = _text(table_name, tuple(new_values), removed, equal, missing, length is not None, adds_entry)
    return Update(after.payment_intent_id, text, parameters, span)


@lru_cache(maxsize=256)
def _text(
    table_name: str,
    assigned: tuple[str, ...],
    removed: tuple[str, ...],
    equal: tuple[str, ...],
    missing: tuple[str, ...],
    has_history: bool,  # noqa: FBT001 - part of the cache's key
    adds_entry: bool,  # noqa: FBT001 - part of the cache's key
) -> str:
    """The statement's text; its parameters are in the order in which `update` appends them."""
    actions = [f"SET {name}=?" for name in assigned]
    if adds_entry:
        actions.append("SET history=list_append(history, ?)" if has_history else "SET history=?")
    actions.extend(f"REMOVE {name}" for name in removed)
    # PartiQL's UPDATE never creates an item: without one the condition is false and no current item is returned.
    conditions = [f"{table.KEY}=?"]
    conditions.extend(f"{name}=?" for name in equal)
    conditions.append("size(history)=?" if has_history else "history IS MISSING")
    conditions.extend(f"{name} IS MISSING" for name in missing)
    return f'UPDATE "{table_name}" {" ".join(actions)} WHERE {" AND ".join(conditions)}'


def checkout_update(current: Payment, after: Payment, names: Iterable[str]) -> dict[str, Any]:
    """UpdateItem's arguments for new values of the named fields, if rank, session and attempt have not changed."""
    old, new = item_of(current), item_of(after)
    assigned = [name for name in names if name in new]
    removed = [name for name in names if name not in new and name in old]
    expression = "SET " + ", ".join(f"{name} = :new_{name}" for name in assigned)
    if removed:
        expression += " REMOVE " + ", ".join(removed)
    values = {f":new_{name}": new[name] for name in assigned}
    conditions = [f"attribute_exists({table.KEY})"]
    for name in ("stripe_session_id", "checkout_attempt"):
        if name in old:
            values[f":{name}"] = old[name]
            conditions.append(f"{name} = :{name}")
        else:
            conditions.append(f"attribute_not_exists({name})")
    # A record that was written by hand has no rank until the first event.
    conditions.append("(attribute_not_exists(status_rank) OR status_rank = :status_rank)")
    values[":status_rank"] = old["status_rank"]
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
