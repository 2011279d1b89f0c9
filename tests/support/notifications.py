"""Builds notifications as receivers get them: signed by the Standard Webhooks specification."""

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, NamedTuple

from standardwebhooks import Webhook


def notify_secret(name: str) -> str:
    """A signing secret of its own for each name, 24 bytes in base64."""
    return f"whsec_{b64encode(sha256(name.encode()).digest()[:24]).decode()}"


class Notification(NamedTuple):
    """The headers and the body of one attempt."""

    headers: Mapping[str, str]
    body: str

    def with_body(self, body: str) -> "Notification":
        """The same headers with another body, as somebody who has no secret can send it."""
        return self._replace(body=body)

    def without(self, header: str) -> "Notification":
        """The same without one of its headers."""
        return self._replace(headers={name: value for name, value in self.headers.items() if name != header})


def notification(
    payment_id: str,
    version: int,
    *secrets: str,
    status: str = "completed",
    age: timedelta = timedelta(),
    **fields: Any,
) -> Notification:
    """A notification of a payment, with a signature by each secret; `age` is the time since it was sent."""
    sent = datetime.now(UTC) - age
    data = {"payment_intent_id": payment_id, "payment_status": status, "version": version, **fields}
    body = json.dumps({"type": f"payment.{status}", "timestamp": sent.isoformat(), "data": data}, ensure_ascii=False)
    return signed(f"msg_{payment_id}_{version}", body, secrets, sent)


def signed(message_id: str, body: str, secrets: Sequence[str], sent: datetime) -> Notification:
    """A body with the headers of the specification."""
    signatures = [Webhook(secret).sign(message_id, sent, body) for secret in secrets]
    headers = {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(sent.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
    return Notification(headers, body)
