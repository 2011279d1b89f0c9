"""Sends signed deliveries to a webhook."""

import json
import time
from typing import NamedTuple, Self

import httpx

from tests.support.stripe_bodies import SECRET, sign

ROUTE = "/webhook/stripe"


class DeliveryAnswer(NamedTuple):
    """The answer to a delivery, and the time until it arrived."""

    status: int
    outcome: str
    seconds: float


class Delivery(NamedTuple):
    """A body and its signature, which can be sent several times."""

    body: bytes
    signature: str

    @classmethod
    def of(cls, body: bytes, secret: str = SECRET) -> Self:
        """Signs the body with the current time."""
        return cls(body, sign(body, secret))

    @property
    def event_id(self) -> str:
        """The id of the event."""
        return str(json.loads(self.body)["id"])

    def to(self, webhook: httpx.Client) -> DeliveryAnswer:
        """Sends the delivery and checks that the answer contains only an outcome."""
        started = time.monotonic()
        answer = webhook.post(ROUTE, content=self.body, headers={"Stripe-Signature": self.signature})
        outcome = answer.json()["outcome"]
        assert answer.json() == {"outcome": outcome}
        return DeliveryAnswer(answer.status_code, outcome, time.monotonic() - started)
