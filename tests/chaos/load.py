"""Customers and what they do: pay, be declined, let links expire, pay slowly, ask for money back; never who listens."""

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple

import httpx

from tests.chaos.truth import Asked

CUSTOMERS = 16
"""How many act at the same time."""

GOOD_CARD = "4242424242424242"
DECLINED_CARDS = ("4000000000009995", "4000000000000002", "4000000000009987", "4000000000000069")
REFUND_FAILS_CARD = "4000000000005126"
_PAGE = {"success_url": "http://merchant.test/success", "cancel_url": "http://merchant.test/cancel"}


class Story(NamedTuple):
    """What one customer does, and what comes later, when the first part has been heard of; words are keys of STEPS.

    `bare` sessions hand nothing of ours to their PaymentIntent; `links` is how many sessions the payment had.
    """

    weight: int
    now: tuple[str, ...]
    later: tuple[str, ...] = ()
    links: int = 1
    extra_amount: int = 0
    bare: bool = False


STORIES = (
    Story(24, ("pay",)),
    Story(14, ("decline", "pay")),
    Story(8, ("decline", "decline")),
    Story(5, ("decline", "expire")),
    Story(8, ("expire",)),
    Story(4, ("delay",)),
    Story(8, ("delay", "settle")),
    Story(8, ("delay", "bounce")),
    Story(2, ()),
    Story(2, ("pay",), extra_amount=100),
    Story(2, ("pay first", "pay"), links=2),
    Story(2, ("expire first", "decline", "pay"), links=2),
    Story(5, ("pay",), ("refund",)),
    Story(3, ("decline", "pay"), ("refund part", "refund part")),
    Story(2, ("pay to refund in vain",), ("refund",)),
    Story(2, ("pay",), ("dispute",)),
    Story(2, ("pay",), ("dispute", "win")),
    Story(2, ("decline", "pay"), ("dispute", "lose")),
)
BARE_STORIES = (Story(5, ("decline", "decline"), bare=True), Story(3, ("decline", "pay"), ("dispute",), bare=True))
"""What only the reconciler can put in order: declines that name nothing of ours."""


class Payment(NamedTuple):
    """One payment on its way through its story."""

    asked: Asked
    story: Story
    sessions: tuple[str, ...]
    record: Mapping[str, Any]


class Load:
    """All payments of one run."""

    def __init__(self, stripe: httpx.AsyncClient, seed: int) -> None:
        self._stripe = stripe
        self._chance = random.Random(seed)
        self._at_once = asyncio.Semaphore(CUSTOMERS)
        self._intents: dict[str, str] = {}
        self.pause_seconds = 0.0
        self.payments: list[Payment] = []
        self.done = 0

    @property
    def asked(self) -> list[Asked]:
        """What was asked for, payment by payment."""
        return [payment.asked for payment in self.payments]

    async def prepare(self, events: int, stories: Sequence[Story] = STORIES) -> None:
        """Open sessions for so many payments that at least `events` events come of them."""
        chosen = []
        while events > 0:
            chosen += self._chance.choices(stories, [story.weight for story in stories])
            events -= sum(STEPS[word].events for word in chosen[-1].now + chosen[-1].later)
        self.payments = await asyncio.gather(*map(self._open, itertools.count(), chosen))

    async def sell(self) -> None:
        """The first part of every story."""
        await self._all(lambda payment: payment.story.now)

    async def follow_up(self) -> None:
        """What comes later."""
        await self._all(lambda payment: payment.story.later)

    async def _all(self, part: Callable[[Payment], Sequence[str]]) -> None:
        self.done = 0
        mixed = self._chance.sample(self.payments, len(self.payments))
        await asyncio.gather(*(self._act(payment, part(payment)) for payment in mixed))

    async def _act(self, payment: Payment, words: Sequence[str]) -> None:
        async with self._at_once:
            for word in words:
                await STEPS[word].act(self, payment)
                await asyncio.sleep(self.pause_seconds)
            self.done += 1

    async def _open(self, number: int, story: Story) -> Payment:
        payment_id = f"payment_{number:06}"
        amount, currency = 5_000 + number % 900, ("SGD", "usd", "JPY")[number % 3]
        price = {"currency": currency.lower(), "unit_amount": amount + story.extra_amount}
        form = {f"line_items[0][price_data][{name}]": str(value) for name, value in price.items()}
        form |= {"line_items[0][price_data][product_data][name]": "Travel insurance", "line_items[0][quantity]": "1"}
        form |= {"mode": "payment", "client_reference_id": payment_id} | _PAGE
        if not story.bare:
            form["payment_intent_data[metadata][payment_intent_id]"] = payment_id
        async with self._at_once:
            sessions = [await self.post("/v1/checkout/sessions", data=form) for _ in range(story.links)]
        ids = tuple(session["id"] for session in sessions)
        record = {"payment_intent_id": payment_id, "payment_status": "pending", "amount": amount, "currency": currency}
        record |= {"user_id": f"user_{number % 50}", "quote_id": f"quote_{number}", "stripe_session_id": ids[-1]}
        return Payment(Asked(payment_id, amount, currency, ids[-1]), story, ids, record)

    async def post(self, path: str, *, expect: int = 200, **body: Any) -> Any:
        """What Stripe answers, which is as the story has it."""
        answer = await self._stripe.post(path, **body)
        if answer.status_code != expect:
            raise RuntimeError(f"{path} answered {answer.status_code}, not {expect}: {answer.text}")
        return answer.json()

    async def pay(self, session: str, expect: int = 200, **how: Any) -> None:
        """Fill in the pay page; the customer waits for nobody."""
        answer = await self.post(f"/_pay/{session}", json={"wait": False, **how}, expect=expect)
        if expect == 200:
            self._intents[session] = answer["payment_intent"]

    async def decline(self, payment: Payment) -> None:
        """Try a card that the bank refuses."""
        await self.pay(payment.sessions[-1], expect=402, card=self._chance.choice(DECLINED_CARDS))

    async def settle(self, payment: Payment, result: str) -> None:
        """The bank has moved the money of a slow method, or not."""
        await self.post(f"/_sessions/{payment.sessions[-1]}/settle", params={"result": result})

    async def expire(self, session: str) -> None:
        """The link is used no more."""
        await self.post(f"/v1/checkout/sessions/{session}/expire")

    async def refund(self, payment: Payment, share: int = 1) -> None:
        """Give the money back, or a part of it."""
        amount = str((payment.asked.amount + payment.story.extra_amount) // share)
        await self.post("/v1/refunds", data={"payment_intent": self._intents[payment.sessions[-1]], "amount": amount})

    async def dispute(self, payment: Payment) -> None:
        """The customer's bank wants the money back."""
        opened = await self.post("/_disputes", json={"payment_intent": self._intents[payment.sessions[-1]]})
        self._intents[payment.asked.payment_id] = opened["id"]

    async def close(self, payment: Payment, status: str) -> None:
        """The bank decides the dispute."""
        await self.post(f"/_disputes/{self._intents[payment.asked.payment_id]}/close", params={"status": status})


class Step(NamedTuple):
    """One thing that happens, and how many of the events that we use come of it."""

    events: int
    act: Callable[[Load, Payment], Awaitable[None]]


_A_DAY = 24 * 3600
STEPS: Mapping[str, Step] = {
    "pay": Step(1, lambda load, payment: load.pay(payment.sessions[-1], card=GOOD_CARD)),
    "pay first": Step(1, lambda load, payment: load.pay(payment.sessions[0], card=GOOD_CARD)),
    "pay to refund in vain": Step(1, lambda load, payment: load.pay(payment.sessions[-1], card=REFUND_FAILS_CARD)),
    "decline": Step(1, Load.decline),
    "delay": Step(1, lambda load, payment: load.pay(payment.sessions[-1], method="delayed", after_seconds=str(_A_DAY))),
    "settle": Step(1, lambda load, payment: load.settle(payment, "succeeded")),
    "bounce": Step(2, lambda load, payment: load.settle(payment, "failed")),
    "expire": Step(1, lambda load, payment: load.expire(payment.sessions[-1])),
    "expire first": Step(1, lambda load, payment: load.expire(payment.sessions[0])),
    "refund": Step(2, Load.refund),
    "refund part": Step(2, lambda load, payment: load.refund(payment, 3)),
    "dispute": Step(1, Load.dispute),
    "win": Step(1, lambda load, payment: load.close(payment, "won")),
    "lose": Step(1, lambda load, payment: load.close(payment, "lost")),
}
