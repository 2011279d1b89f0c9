"""Builds the arguments of checkout's conditional writes."""

from datetime import datetime
from typing import Any

from lea_payments.payment.changes import is_published
from lea_payments.payment.record import Payment
from lea_payments.store import table
from lea_payments.store.items import LEGACY_OTHER_SESSION, attributes_of, unreadable_fields
from lea_payments.store.statements import outbox
from lea_payments.store.statements.records import ABSENT, COMPARABLE, WRITTEN_FIELDS, CurrentRecord


def creation(table_name: str, new: Payment) -> dict[str, Any]:
    """PutItem's arguments for a new record, if there is none with its id."""
    return {
        "TableName": table_name,
        "Item": attributes_of(new),
        "ConditionExpression": f"attribute_not_exists({table.KEY})",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


def checkout_update(before: CurrentRecord, after: Payment, notify_at: datetime | None = None) -> dict[str, Any]:
    """UpdateItem's arguments for all fields but the history, if nobody has written the record since it was read.

    With `notify_at`, a published change marks the payment for the notifier, which is due then.
    """
    assigned = attributes_of(after)
    key = assigned.pop(table.KEY)
    removed = [name for name in WRITTEN_FIELDS if name not in assigned]
    if assigned.pop("history", None) is None:
        removed.append("history")
    for name in unreadable_fields(after):
        del assigned[name]
    former_session = before.record.stripe_session_id
    if former_session and not after.stripe_session_id:
        assigned[LEGACY_OTHER_SESSION] = {"S": former_session}
    if notify_at is not None and is_published(before.record, after):
        assigned.update(outbox.marks(after, notify_at))
    values = {f":new_{name}": value for name, value in assigned.items()}
    conditions = [f"attribute_exists({table.KEY})"]
    for name in before.guard:
        ((kind, value),) = before.item.get(name, ABSENT).items()
        if not kind:
            conditions.append(f"attribute_not_exists({name})")
        elif kind in COMPARABLE:
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
