"""Builds the notification of a payment: its body, its id and its signatures (Standard Webhooks); pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec
from standardwebhooks.webhooks import Webhook

from lea_payments.payment.record import Payment

PUBLISHED = (
    *("payment_intent_id", "user_id", "quote_id", "stripe_session_id", "stripe_payment_intent", "payment_status"),
    *("amount", "currency", "product_name", "created_at", "updated_at", "webhook_processed_at"),
    *("status_reason", "amount_refunded", "dispute_status"),
)
"""The fields in `data`, besides `version`; each is null if the payment does not have it."""


class Message(NamedTuple):
    """One notification. Every attempt and every endpoint gets the same one; only the signatures have their own time."""

    id: str
    type: str
    body: str

    def headers(self, secrets: Sequence[str], now: datetime) -> Mapping[str, str]:
        """The headers of one attempt, with one signature for each secret."""
        signatures = [Webhook(secret).sign(self.id, now, self.body) for secret in secrets]
        return {
            "content-type": "application/json",
            "webhook-id": self.id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(signatures),
        }


def message_of(payment: Payment) -> Message:
    """The notification of a payment as it is."""
    version = payment.version or 0
    data: dict[str, Any] = {name: getattr(payment, name) for name in PUBLISHED}
    body = {"type": event_type(payment), "timestamp": payment.updated_at, "data": {**data, "version": version}}
    return Message(
        message_id(payment.payment_intent_id, version), event_type(payment), msgspec.json.encode(body).decode()
    )


def event_type(payment: Payment) -> str:
    """The type of a payment's notification: its status."""
    return f"payment.{payment.payment_status}"


def message_id(payment_id: str, version: int) -> str:
    """The `webhook-id`: the same for every attempt to send this version, so that a receiver can drop a second one."""
    return f"msg_{sha256(f'{version}.{payment_id}'.encode()).hexdigest()[:32]}"
