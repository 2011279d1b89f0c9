"""Builds reads and writes without effect, which test whether the table can be used."""

from typing import Any

from lea_payments.store import table
from lea_payments.store.statements.events import Update, statement_text
from lea_payments.telemetry.applying import NO_TRACE, Applying

NO_PAYMENT = "-"
"""The key of writes and reads without effect. It never has a record."""

NEVER = f"attribute_exists({table.KEY}) AND attribute_not_exists({table.KEY})"
"""A condition that is never true."""


def without_effect(table_name: str) -> Update:
    """A write that has the form of an event's and changes nothing: there is no record with this key or this status."""
    text = statement_text(table_name, ("updated_at",), (), (f"payment_status='{NO_PAYMENT}'", "version IS MISSING"), "")
    return Update(NO_PAYMENT, text, [{"S": NO_PAYMENT}] * 2, Applying(NO_TRACE))


def creation_without_effect(table_name: str) -> dict[str, Any]:
    """PutItem's arguments, under a condition that is never true."""
    return {"TableName": table_name, "Item": {table.KEY: {"S": NO_PAYMENT}}, "ConditionExpression": NEVER}
