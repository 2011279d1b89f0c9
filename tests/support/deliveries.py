"""One delivery of Stripe's on its way to the webhook: sent as often as a test likes, always the same bytes."""

import json
import time
from typing import NamedTuple, Self

import httpx

from tests.support.stripe_bodies import SECRET, sign

ROUTE = "/webhook/stripe"


class Answer(NamedTuple):
    """What the sender was told, and after how long."""

    status: int
    outcome: str
    seconds: float


class Delivery(NamedTuple):
    """The body and its signature."""

    body: bytes
    signature: str

    @classmethod
    def of(cls, body: bytes, secret: str = SECRET) -> Self:
        """The body signed now."""
        return cls(body, sign(body, secret))

    @property
    def event_id(self) -> str:
        """The event's id, as history has it."""
        return str(json.loads(self.body)["id"])

    def to(self, webhook: httpx.Client) -> Answer:
        """Sends it, and checks that the answer is one word."""
        started = time.monotonic()
        answer = webhook.post(ROUTE, content=self.body, headers={"Stripe-Signature": self.signature})
        outcome = answer.json()["outcome"]
        assert answer.json() == {"outcome": outcome}
        return Answer(answer.status_code, outcome, time.monotonic() - started)
