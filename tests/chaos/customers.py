"""Simulates customers against the emulator: payments, declines, expired links, delayed methods, refunds, disputes."""

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple

import httpx

from tests.chaos.expected import PaymentRequest

ACTIVE_CUSTOMERS = 16
"""The number of customers that act at the same time."""

GOOD_CARD = "4242424242424242"
DECLINED_CARDS = ("4000000000009995", "4000000000000002", "4000000000009987", "4000000000000069")
UNREFUNDABLE_CARD = "4000000000005126"
_PAGE = {"success_url": "http://merchant.test/success", "cancel_url": "http://merchant.test/cancel"}


class Journey(NamedTuple):
    """What one customer does at first, and later when those events are delivered, as keys of STEPS.

    `bare` sessions do not copy our payment id to their PaymentIntent; `links` is the payment's number of sessions.
    """

    weight: int
    first: tuple[str, ...]
    later: tuple[str, ...] = ()
    links: int = 1
    extra_amount: int = 0
    bare: bool = False


JOURNEYS = (
    Journey(24, ("pay",)),
    Journey(14, ("decline", "pay")),
    Journey(8, ("decline", "decline")),
    Journey(5, ("decline", "expire")),
    Journey(8, ("expire",)),
    Journey(4, ("pay with delay",)),
    Journey(8, ("pay with delay", "bank confirms")),
    Journey(8, ("pay with delay", "bank rejects")),
    Journey(2, ()),
    Journey(2, ("pay",), extra_amount=100),
    Journey(2, ("pay first link", "pay"), links=2),
    Journey(2, ("expire first link", "decline", "pay"), links=2),
    Journey(5, ("pay",), ("refund",)),
    Journey(3, ("decline", "pay"), ("refund a third", "refund a third")),
    Journey(2, ("pay with a card that cannot be refunded",), ("refund",)),
    Journey(2, ("pay",), ("dispute",)),
    Journey(2, ("pay",), ("dispute", "win dispute")),
    Journey(2, ("decline", "pay"), ("dispute", "lose dispute")),
)
BARE_JOURNEYS = (
    Journey(5, ("decline", "decline"), bare=True),
    Journey(3, ("decline", "pay"), ("dispute",), bare=True),
)
"""Only the reconciler can record these: the declines do not contain our payment id."""


class CustomerPayment(NamedTuple):
    """One customer's payment with its sessions and its record at the start."""

    request: PaymentRequest
    journey: Journey
    sessions: tuple[str, ...]
    record: Mapping[str, Any]


class Customers:
    """All customers of one run, each with one payment."""

    def __init__(self, stripe: httpx.AsyncClient, seed: int) -> None:
        self._stripe = stripe
        self._random = random.Random(seed)
        self._active = asyncio.Semaphore(ACTIVE_CUSTOMERS)
        self._intents: dict[str, str] = {}
        self.pause_seconds = 0.0
        self.payments: list[CustomerPayment] = []

    @property
    def requests(self) -> list[PaymentRequest]:
        """The requests of all payments."""
        return [payment.request for payment in self.payments]

    async def prepare(self, events: int, journeys: Sequence[Journey] = JOURNEYS) -> None:
        """Opens sessions for enough payments to cause at least `events` events."""
        chosen = []
        while events > 0:
            chosen += self._random.choices(journeys, [journey.weight for journey in journeys])
            events -= sum(STEPS[name].events for name in chosen[-1].first + chosen[-1].later)
        self.payments = await asyncio.gather(*map(self._open, itertools.count(), chosen))

    async def take_first_steps(self) -> None:
        """Takes the first steps of every journey."""
        await self._all(lambda payment: payment.journey.first)

    async def take_later_steps(self) -> None:
        """Takes the later steps of every journey."""
        await self._all(lambda payment: payment.journey.later)

    async def _all(self, steps: Callable[[CustomerPayment], Sequence[str]]) -> None:
        shuffled = self._random.sample(self.payments, len(self.payments))
        await asyncio.gather(*(self._act(payment, steps(payment)) for payment in shuffled))

    async def _act(self, payment: CustomerPayment, steps: Sequence[str]) -> None:
        async with self._active:
            for name in steps:
                await STEPS[name].act(self, payment)
                await asyncio.sleep(self.pause_seconds)

    async def _open(self, number: int, journey: Journey) -> CustomerPayment:
        payment_id = f"payment_{number:06}"
        amount, currency = 5_000 + number % 900, ("SGD", "usd", "JPY")[number % 3]
        price = {"currency": currency.lower(), "unit_amount": amount + journey.extra_amount}
        form = {f"line_items[0][price_data][{name}]": str(value) for name, value in price.items()}
        form |= {"line_items[0][price_data][product_data][name]": "Travel insurance", "line_items[0][quantity]": "1"}
        form |= {"mode": "payment", "client_reference_id": payment_id} | _PAGE
        if not journey.bare:
            form["payment_intent_data[metadata][payment_intent_id]"] = payment_id
        async with self._active:
            sessions = [await self.post("/v1/checkout/sessions", data=form) for _ in range(journey.links)]
        ids = tuple(session["id"] for session in sessions)
        record = {"payment_intent_id": payment_id, "payment_status": "pending", "amount": amount, "currency": currency}
        record |= {"user_id": f"user_{number % 50}", "quote_id": f"quote_{number}", "stripe_session_id": ids[-1]}
        return CustomerPayment(PaymentRequest(payment_id, amount, currency, ids[-1]), journey, ids, record)

    async def post(self, path: str, *, expect: int = 200, **body: Any) -> Any:
        """Posts to the emulator; raises RuntimeError if the answer's status is not the expected one."""
        answer = await self._stripe.post(path, **body)
        if answer.status_code != expect:
            raise RuntimeError(f"{path} answered {answer.status_code}, not {expect}: {answer.text}")
        return answer.json()

    async def pay(self, session: str, expect: int = 200, **details: Any) -> None:
        """Submits the pay page without waiting for the webhook."""
        answer = await self.post(f"/_pay/{session}", json={"wait": False, **details}, expect=expect)
        if expect == 200:
            self._intents[session] = answer["payment_intent"]

    async def decline(self, payment: CustomerPayment) -> None:
        """Tries a card that the bank declines."""
        await self.pay(payment.sessions[-1], expect=402, card=self._random.choice(DECLINED_CARDS))

    async def settle(self, payment: CustomerPayment, result: str) -> None:
        """Ends the wait for a delayed payment method; `result` is succeeded or failed."""
        await self.post(f"/_sessions/{payment.sessions[-1]}/settle", params={"result": result})

    async def expire(self, session: str) -> None:
        """Expires the session."""
        await self.post(f"/v1/checkout/sessions/{session}/expire")

    async def refund(self, payment: CustomerPayment, parts: int = 1) -> None:
        """Refunds the amount divided by `parts`."""
        amount = str((payment.request.amount + payment.journey.extra_amount) // parts)
        await self.post("/v1/refunds", data={"payment_intent": self._intents[payment.sessions[-1]], "amount": amount})

    async def dispute(self, payment: CustomerPayment) -> None:
        """Opens a dispute."""
        opened = await self.post("/_disputes", json={"payment_intent": self._intents[payment.sessions[-1]]})
        self._intents[payment.request.payment_id] = opened["id"]

    async def close(self, payment: CustomerPayment, status: str) -> None:
        """Closes the dispute; `status` is won or lost."""
        await self.post(f"/_disputes/{self._intents[payment.request.payment_id]}/close", params={"status": status})


class Step(NamedTuple):
    """One action, and the number of events that the webhook receives for it."""

    events: int
    act: Callable[[Customers, CustomerPayment], Awaitable[None]]


_A_DAY = 24 * 3600
STEPS: Mapping[str, Step] = {
    "pay": Step(1, lambda customers, payment: customers.pay(payment.sessions[-1], card=GOOD_CARD)),
    "pay first link": Step(1, lambda customers, payment: customers.pay(payment.sessions[0], card=GOOD_CARD)),
    "pay with a card that cannot be refunded": Step(
        1, lambda customers, payment: customers.pay(payment.sessions[-1], card=UNREFUNDABLE_CARD)
    ),
    "decline": Step(1, Customers.decline),
    "pay with delay": Step(
        1, lambda customers, payment: customers.pay(payment.sessions[-1], method="delayed", after_seconds=str(_A_DAY))
    ),
    "bank confirms": Step(1, lambda customers, payment: customers.settle(payment, "succeeded")),
    "bank rejects": Step(2, lambda customers, payment: customers.settle(payment, "failed")),
    "expire": Step(1, lambda customers, payment: customers.expire(payment.sessions[-1])),
    "expire first link": Step(1, lambda customers, payment: customers.expire(payment.sessions[0])),
    "refund": Step(2, Customers.refund),
    "refund a third": Step(2, lambda customers, payment: customers.refund(payment, 3)),
    "dispute": Step(1, Customers.dispute),
    "win dispute": Step(1, lambda customers, payment: customers.close(payment, "won")),
    "lose dispute": Step(1, lambda customers, payment: customers.close(payment, "lost")),
}
