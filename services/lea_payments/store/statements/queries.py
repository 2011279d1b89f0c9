"""Builds the queries of the indexes."""

from typing import Any

from lea_payments.store import table


def by_field(table_name: str, index: str, field: str, value: str, after: str = "") -> dict[str, Any]:
    """Query's arguments for the payments with this value of an index's key, after the payment with an id."""
    start = {"ExclusiveStartKey": {table.KEY: {"S": after}, field: {"S": value}}} if after else {}
    return {
        "TableName": table_name,
        "IndexName": index,
        "KeyConditionExpression": f"{field} = :value",
        "ExpressionAttributeValues": {":value": {"S": value}},
        **start,
    }
