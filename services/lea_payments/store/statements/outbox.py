"""Builds the attributes that mark a payment as due for notification: the outbox inside the record."""

from collections.abc import Mapping
from datetime import datetime
from zlib import crc32

from lea_payments.payment.record import Payment
from lea_payments.store.items import Attribute

SHARD, DUE, TARGET, LEASE, DELIVERIES = "notify_shard", "notify_at", "notify_version", "notify_lease", "notifications"
"""The attributes. Each write that changes the payment sets the first three; the notifier writes all of them.

`notify_at` is when the next attempt is due, `notify_version` the version of the last published change. The notifier
that holds the payment writes the end of its lease into both `notify_lease` and `notify_at`. If `notify_at` is still the
same at the end, nobody has changed the payment meanwhile. Times are in milliseconds since 1970.
"""

SHARDS = ("0", "1", "2", "3")
"""The partitions of the index of due payments. DynamoDB limits the writes to each of them to 1,000 a second."""

DEAD_LETTERS = "dead"
"""The partition of the payments whose notification was given up at one endpoint at least."""


def marks(after: Payment, notify_at: datetime) -> Mapping[str, Attribute]:
    """The attributes that a published change sets."""
    return {
        SHARD: {"S": shard_of(after.payment_intent_id)},
        DUE: {"N": str(int(notify_at.timestamp() * 1000))},
        TARGET: {"N": str(after.version or 0)},
    }


def shard_of(payment_id: str) -> str:
    """The partition of a payment, always the same one."""
    return SHARDS[crc32(payment_id.encode()) % len(SHARDS)]
