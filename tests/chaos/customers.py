"""Simulates customers, each with one payment, who take the steps of their journeys at the same time."""

import asyncio
import itertools
import random
from collections.abc import Callable, Sequence

import httpx

from tests.chaos.journeys import JOURNEYS, Journey
from tests.chaos.steps import PAGE, STEPS, CustomerPayment, Emulator
from tests.chaos.truth import PaymentRequest

ACTIVE_CUSTOMERS = 16
"""The number of customers that act at the same time."""


class Customers:
    """All customers of one run, each with one payment."""

    def __init__(self, stripe: httpx.AsyncClient, seed: int) -> None:
        self.emulator = Emulator(stripe)
        self._seed = seed
        self._random = random.Random(seed)
        self._active = asyncio.Semaphore(ACTIVE_CUSTOMERS)
        self.pause_seconds = 0.0
        self.payments: list[CustomerPayment] = []

    @property
    def requests(self) -> list[PaymentRequest]:
        """The requests of all payments."""
        return [payment.request for payment in self.payments]

    async def prepare(self, events: int, journeys: Sequence[Journey] = JOURNEYS) -> None:
        """Opens sessions for enough payments to cause at least `events` events.

        Every journey is chosen once, in random order, before any is chosen by its weight.
        """
        once = iter(self._random.sample(journeys, len(journeys)))
        chosen: list[Journey] = []
        while events > 0:
            chosen.append(next(once, None) or self._by_weight(journeys))
            events -= sum(STEPS[name].events for name in chosen[-1].first + chosen[-1].later)
        self.payments = await asyncio.gather(*map(self._open, itertools.count(), chosen))

    async def take_first_steps(self) -> None:
        """Takes the first steps of every journey."""
        await self._all(lambda payment: payment.journey.first)

    async def take_later_steps(self) -> None:
        """Takes the later steps of every journey."""
        await self._all(lambda payment: payment.journey.later)

    def _by_weight(self, journeys: Sequence[Journey]) -> Journey:
        return self._random.choices(journeys, [journey.weight for journey in journeys])[0]

    async def _all(self, steps: Callable[[CustomerPayment], Sequence[str]]) -> None:
        shuffled = self._random.sample(self.payments, len(self.payments))
        await asyncio.gather(*(self._act(payment, steps(payment)) for payment in shuffled))

    async def _act(self, payment: CustomerPayment, steps: Sequence[str]) -> None:
        async with self._active:
            for name in steps:
                await STEPS[name].act(self.emulator, payment)
                await asyncio.sleep(self.pause_seconds)

    async def _open(self, number: int, journey: Journey) -> CustomerPayment:
        payment_id = f"payment_{number:06}"
        amount, currency = 5_000 + number % 900, ("SGD", "usd", "JPY")[number % 3]
        price = {"currency": currency.lower(), "unit_amount": amount + journey.extra_amount}
        form = {f"line_items[0][price_data][{name}]": str(value) for name, value in price.items()}
        form |= {"line_items[0][price_data][product_data][name]": "Travel insurance", "line_items[0][quantity]": "1"}
        form |= {"mode": "payment", "client_reference_id": payment_id} | PAGE
        form["after_expiration[recovery][enabled]"] = "true"
        if not journey.bare:
            form["payment_intent_data[metadata][payment_intent_id]"] = payment_id
        async with self._active:
            sessions = [await self.emulator.post("/v1/checkout/sessions", data=form) for _ in range(journey.links)]
        ids = [session["id"] for session in sessions]
        record = {"payment_intent_id": payment_id, "payment_status": "pending", "amount": amount, "currency": currency}
        record |= {"user_id": f"user_{number % 50}", "quote_id": f"quote_{number}", "stripe_session_id": ids[-1]}
        request = PaymentRequest(payment_id, amount, currency, ids[-1])
        return CustomerPayment(request, journey, record, ids, random.Random(f"{self._seed} {payment_id}"))
