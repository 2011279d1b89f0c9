"""Builds the call that reads many payments at once, and reads its response."""

from collections.abc import Mapping, Sequence
from typing import Any

from lea_payments.payment.record import Payment
from lea_payments.store import table
from lea_payments.store.errors import UnavailableError
from lea_payments.store.items import payment_of
from lea_payments.store.statements.records import GUARD

LIMIT = 100
"""The maximum number of keys in a BatchGetItem call (DynamoDB API reference)."""

_STATE_FIELDS = (table.KEY, *GUARD)


def request(table_name: str, payment_ids: Sequence[str], *, only_state: bool) -> dict[str, Any]:
    """BatchGetItem's arguments; with `only_state` for the fields of which every write changes at least one.

    The read is consistent: one of a lagging replica can be older than what the caller has, and look like a change.
    """
    of_table: dict[str, Any] = {"Keys": [{table.KEY: {"S": one}} for one in payment_ids], "ConsistentRead": True}
    if only_state:
        names = {f"#{number}": name for number, name in enumerate(_STATE_FIELDS)}
        of_table |= {"ProjectionExpression": ", ".join(names), "ExpressionAttributeNames": names}
    return {"RequestItems": {table_name: of_table}}


def payments_of(
    response: Mapping[str, Any], table_name: str, payment_ids: Sequence[str]
) -> Mapping[str, Payment | None]:
    """The payments by their ids; None for one that does not exist. One that DynamoDB was too busy for is missing."""
    if "Responses" not in response:
        raise UnavailableError("DynamoDB's response is incomplete")
    payments = [payment_of(item) for item in response["Responses"].get(table_name, ())]
    by_id = {payment.payment_intent_id: payment for payment in payments}
    unprocessed = response.get("UnprocessedKeys", {}).get(table_name, {}).get("Keys", ())
    unread = {key[table.KEY]["S"] for key in unprocessed}
    return {one: by_id.get(one) for one in payment_ids if one not in unread}
