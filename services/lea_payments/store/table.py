"""Defines the table of payments."""

from collections.abc import Mapping
from typing import Any

from lea_payments.settings import TableSettings
from lea_payments.store import connection

KEY = "payment_intent_id"
PUBLISHED_FIELDS = (
    "payment_intent_id",
    "user_id",
    "quote_id",
    "stripe_session_id",
    "stripe_payment_intent",
    "payment_status",
    "amount",
    "currency",
    "product_name",
    "created_at",
    "updated_at",
    "webhook_processed_at",
)
USER_INDEX = "user_id-index"
QUOTE_INDEX = "quote_id-index"
SESSION_INDEX = "stripe_session_id-index"
INTENT_INDEX = "stripe_payment_intent-index"
OTHER_SESSION_INDEX = "other_session_id-index"
AWAITING_INDEX = "awaiting_funds_on-index"
NOTIFY_INDEX = "notify-index"


def _index(name: str, key: str, projection: Mapping[str, Any], sort_key: str = "") -> dict[str, Any]:
    keys = [{"AttributeName": key, "KeyType": "HASH"}]
    if sort_key:
        keys.append({"AttributeName": sort_key, "KeyType": "RANGE"})
    return {"IndexName": name, "KeySchema": keys, "Projection": projection}


def _published(key: str) -> dict[str, Any]:
    fields = [field for field in PUBLISHED_FIELDS if field not in (KEY, key)]
    return {"ProjectionType": "INCLUDE", "NonKeyAttributes": fields}


PUBLISHED_INDEXES: tuple[Mapping[str, Any], ...] = (
    _index(USER_INDEX, "user_id", _published("user_id")),
    _index(QUOTE_INDEX, "quote_id", _published("quote_id")),
    _index(SESSION_INDEX, "stripe_session_id", _published("stripe_session_id")),
)
"""The indexes of the published contract. Each has all published fields, but not the history, which grows."""

_KEYS_ONLY = {"ProjectionType": "KEYS_ONLY"}
OWN_INDEXES: tuple[Mapping[str, Any], ...] = (
    _index(INTENT_INDEX, "stripe_payment_intent", _KEYS_ONLY),
    _index(OTHER_SESSION_INDEX, "other_session_id", _KEYS_ONLY),
    _index(AWAITING_INDEX, "awaiting_funds_on", _KEYS_ONLY),
    _index(NOTIFY_INDEX, "notify_shard", _KEYS_ONLY, "notify_at"),
)
"""Our own indexes, for what each of them finds: see USES. Few records have the fields of the last three."""

_NUMBERS = ("notify_at",)
"""The keys that are numbers; all others are texts."""

USES: Mapping[str, str] = {
    INTENT_INDEX: "disputes and refunds cannot be matched to payments",
    OTHER_SESSION_INDEX: "the customer of a payment's other session gets no page",
    AWAITING_INDEX: "the reconciler does not find delayed payments that have settled without an event",
    NOTIFY_INDEX: "the notifier finds no payment whose notification is due",
}
"""What does not work without one of our own indexes."""

STREAM = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
"""The stream of changes, for EventBridge Pipes; it costs nothing until somebody reads it."""

INDEXES = (*PUBLISHED_INDEXES, *OWN_INDEXES)


def key_names(index: Mapping[str, Any]) -> list[str]:
    """The attributes that are the key of an index."""
    return [key["AttributeName"] for key in index["KeySchema"]]


def key_definition(name: str) -> dict[str, str]:
    """The definition of an attribute that is a part of a key."""
    return {"AttributeName": name, "AttributeType": "N" if name in _NUMBERS else "S"}


def definition(settings: TableSettings) -> dict[str, Any]:
    """CreateTable's arguments for this environment. Deletion protection and the stream are on only on AWS."""
    keys = [KEY, *(name for index in INDEXES for name in key_names(index))]
    on_aws = connection.on_aws(settings)
    return {
        "TableName": settings.table,
        "AttributeDefinitions": [key_definition(key) for key in keys],
        "KeySchema": [{"AttributeName": KEY, "KeyType": "HASH"}],
        "GlobalSecondaryIndexes": [dict(index) for index in INDEXES],
        "BillingMode": "PAY_PER_REQUEST",
        "DeletionProtectionEnabled": on_aws,
        **({"StreamSpecification": STREAM} if on_aws else {}),
    }
