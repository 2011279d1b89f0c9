"""Sends events at a steady rate, whether or not earlier ones are answered, as Stripe does."""

import asyncio
import time
from collections.abc import Sequence
from typing import NamedTuple

import aiohttp

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
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(url, connector=connector, timeout=timeout) as http:
        started = time.monotonic()

        async def send(number: int, delivery: Delivery) -> SteadyAnswer:
            await asyncio.sleep(started + number / per_second - time.monotonic())
            sent = time.monotonic()
            headers = {"Stripe-Signature": delivery.signature}
            async with http.post(ROUTE, data=delivery.body, headers=headers) as answer:
                outcome = (await answer.json())["outcome"]
            return SteadyAnswer(delivery, answer.status, outcome, time.monotonic() - sent)

        return await asyncio.gather(*(send(*numbered) for numbered in enumerate(deliveries)))
