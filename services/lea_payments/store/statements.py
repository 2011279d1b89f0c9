"""Changes as conditional writes, an event's in PartiQL; pure, and the only place with DynamoDB's expressions."""

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
    """One conditional write for the batch, with the span that waits for it."""

    key: str
    text: str
    parameters: Sequence[Attribute]
    span: trace.Span


class Written(NamedTuple):
    """The write was accepted."""


class Blocked(NamedTuple):
    """The record is not as the write expected; `item` is what stands there, or None for no record."""

    item: Item | None


class Busy(NamedTuple):
    """The write met a passing trouble of the database's and may be sent again."""

    code: str
    may_be_written: bool = False


class Failed(NamedTuple):
    """The write can never be accepted; its neighbours in the batch are no worse for it."""

    error: Exception


WriteResult = Written | Blocked | Busy | Failed
_PASSING = frozenset(
    {
        "TransactionConflict",
        "ThrottlingError",
        "RequestLimitExceeded",
        "ProvisionedThroughputExceeded",
        "InternalServerError",
    }
)
"""Codes of BatchStatementError that another try may heal (DynamoDB API reference); others are faults of ours."""


def untouched(payment_id: str, event: PaymentEvent) -> tuple[Payment, Item]:
    """The record as checkout makes it, with what the event says of it taken as true, and what counts of its item."""
    guess = Payment(
        payment_intent_id=payment_id,
        stripe_session_id=event.session_id,
        amount=event.amount,
        currency=event.currency,
    )
    return guess, attributes_of(guess, (*rules.READS[event.fact], "history"))


def update(table_name: str, seen: Item, after: Payment, change: Change, fact: Fact, span: trace.Span) -> Update:
    """The change as one statement that holds only while all that it was decided on is as it was seen."""
    touched = (*change.fields, "updated_at", "webhook_processed_at") if change.fields else ()
    new = attributes_of(after, touched)
    gone = tuple(name for name in touched if name not in new and name in seen)
    pins = rules.READS[fact]
    held = tuple(name for name in pins if name in seen)
    absent = tuple(name for name in pins if name not in seen)
    length = len(seen["history"]["L"]) if "history" in seen else None
    parameters: list[Attribute] = [*new.values()]
    has_entry = len(after.history) > (length or 0)
    if has_entry:
        parameters.append({"L": [item_of_entry(after.history[-1])]})
    parameters.append({"S": after.payment_intent_id})
    parameters.extend(seen[name] for name in held)
    if length is not None:
        parameters.append({"N": str(length)})
    text = _text(table_name, tuple(new), gone, held, absent, length is not None, has_entry)
    return Update(after.payment_intent_id, text, parameters, span)


@lru_cache(maxsize=256)
def _text(
    table_name: str,
    sets: tuple[str, ...],
    gone: tuple[str, ...],
    held: tuple[str, ...],
    absent: tuple[str, ...],
    has_history: bool,  # noqa: FBT001 - part of the cache's key
    has_entry: bool,  # noqa: FBT001 - part of the cache's key
) -> str:
    actions = [f"SET {name}=?" for name in sets]
    if has_entry:
        actions.append("SET history=list_append(history, ?)" if has_history else "SET history=?")
    actions.extend(f"REMOVE {name}" for name in gone)
    conditions = [f"{table.KEY}=?"]
    conditions.extend(f"{name}=?" for name in held)
    conditions.append("size(history)=?" if has_history else "history IS MISSING")
    conditions.extend(f"{name} IS MISSING" for name in absent)
    return f'UPDATE "{table_name}" {" ".join(actions)} WHERE {" AND ".join(conditions)}'


def checkout_update(seen: Payment, after: Payment, names: Iterable[str]) -> dict[str, Any]:
    """The named fields' change as UpdateItem's arguments; it holds only while rank, session and attempt are as seen."""
    old, new = item_of(seen), item_of(after)
    sets = [name for name in names if name in new]
    gone = [name for name in names if name not in new and name in old]
    expression = "SET " + ", ".join(f"{name} = :new_{name}" for name in sets)
    if gone:
        expression += " REMOVE " + ", ".join(gone)
    values = {f":new_{name}": new[name] for name in sets}
    conditions = [f"attribute_exists({table.KEY})"]
    for name in ("stripe_session_id", "checkout_attempt"):
        if name in old:
            values[f":{name}"] = old[name]
            conditions.append(f"{name} = :{name}")
        else:
            conditions.append(f"attribute_not_exists({name})")
    # A record that its caller put by hand has no rank until the first event.
    conditions.append("(attribute_not_exists(status_rank) OR status_rank = :status_rank)")
    values[":status_rank"] = old["status_rank"]
    return {
        "Key": {table.KEY: old[table.KEY]},
        "UpdateExpression": expression,
        "ConditionExpression": " AND ".join(conditions),
        "ExpressionAttributeValues": values,
    }


def result_of(response: Mapping[str, Any]) -> WriteResult:
    """What DynamoDB says of one statement of a batch."""
    error = response.get("Error")
    if error is None:
        return Written()
    code = error.get("Code", "")
    if code == "ConditionalCheckFailed":
        return Blocked(response.get("Item") or error.get("Item") or None)
    if code in _PASSING:
        return Busy(code)
    if code == "ResourceNotFound":
        return Failed(UnavailableError("the table is not there: run lea-payments init-table"))
    return Failed(RuntimeError(f"DynamoDB refused a statement of ours: {code}: {error.get('Message', '')}"))
