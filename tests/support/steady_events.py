"""Sends events at a steady rate, whether or not earlier ones are answered, as Stripe does."""

import asyncio
import time
from collections.abc import Sequence
from typing import NamedTuple

import httpx

from tests.support.plain_http import NO_CERTIFICATES
from tests.support.webhook_delivery import ROUTE, Delivery

STRIPE_SECONDS = 10
"""How long Stripe waits for an answer."""


class SteadyAnswer(NamedTuple):
    """The answer to one event, and the time until it arrived."""

    delivery: Delivery
    status: int
    outcome: str
    seconds: float


async def send_steadily(url: str, deliveries: Sequence[Delivery], per_second: float) -> list[SteadyAnswer]:
    """Sends each delivery on a connection of its own, and returns the answers in the same order."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    async with httpx.AsyncClient(
        base_url=url, limits=limits, timeout=60, trust_env=False, verify=NO_CERTIFICATES
    ) as http:
        started = time.monotonic()

        async def send(number: int, delivery: Delivery) -> SteadyAnswer:
            await asyncio.sleep(started + number / per_second - time.monotonic())
            sent = time.monotonic()
            headers = {"Stripe-Signature": delivery.signature}
            answer = await http.post(ROUTE, content=delivery.body, headers=headers)
            return SteadyAnswer(delivery, answer.status_code, answer.json()["outcome"], time.monotonic() - sent)

        return await asyncio.gather(*(send(*numbered) for numbered in enumerate(deliveries)))
