"""Defines the steps of the journeys: each makes one change at the emulator."""

import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx

from tests.chaos.journeys import Journey
from tests.chaos.truth import PaymentRequest

GOOD_CARD = "4242424242424242"
SLOW_REFUND_CARD = "4000000000007726"
"""A card whose refunds are pending at first (docs.stripe.com/testing#refunds)."""

DECLINED_CARDS = ("4000000000009995", "4000000000000002", "4000000000009987", "4000000000000069")
PAGE = {"success_url": "http://merchant.test/success", "cancel_url": "http://merchant.test/cancel"}
OTHERS: tuple[dict[str, object], ...] = ({"account": "acct_other"}, {"context": "acct_other"}, {"livemode": True})
"""The origins of events that are not ours."""

_A_DAY = 24 * 3600
FIRST, LAST = 0, -1


@dataclass
class CustomerPayment:
    """One customer's payment: its record at the start, and its objects at Stripe, oldest first."""

    request: PaymentRequest
    journey: Journey
    record: Mapping[str, Any]
    sessions: list[str]
    random: random.Random
    intents: dict[str, str] = field(default_factory=dict)
    refunds: list[str] = field(default_factory=list)
    disputes: list[str] = field(default_factory=list)

    @property
    def paid_amount(self) -> int:
        """What a session of this payment costs."""
        return self.request.amount + self.journey.extra_amount

    def intent(self, link: int) -> str:
        """The PaymentIntent of the session of this link."""
        return self.intents[self.sessions[link]]


class Emulator:
    """The emulator's API, and the ids of the events of other accounts that it has sent."""

    def __init__(self, stripe: httpx.AsyncClient) -> None:
        self._stripe = stripe
        self.foreign_events: set[str] = set()

    async def post(self, path: str, *, expect: int = 200, **body: Any) -> Any:
        """Posts to the emulator; raises RuntimeError if the answer's status is not the expected one."""
        return _checked(await self._stripe.post(path, **body), path, expect).json()

    async def get(self, path: str, *, expect: int = 200, **params: str) -> httpx.Response:
        """Reads from the emulator; raises RuntimeError if the answer's status is not the expected one."""
        return _checked(await self._stripe.get(path, params=params), path, expect)


def _checked(answer: httpx.Response, path: str, expect: int) -> httpx.Response:
    if answer.status_code != expect:
        raise RuntimeError(f"{path} answered {answer.status_code}, not {expect}: {answer.text}")
    return answer


async def _pay(emulator: Emulator, payment: CustomerPayment, link: int = LAST, **details: Any) -> None:
    """Submits the pay page without waiting for the webhook."""
    session = payment.sessions[link]
    answer = await emulator.post(f"/_pay/{session}", json={"wait": False, **details})
    payment.intents[session] = answer["payment_intent"]


async def _decline(emulator: Emulator, payment: CustomerPayment, link: int = LAST) -> None:
    body = {"wait": False, "card": payment.random.choice(DECLINED_CARDS)}
    await emulator.post(f"/_pay/{payment.sessions[link]}", json=body, expect=402)


async def _settle(emulator: Emulator, payment: CustomerPayment, result: str, link: int = LAST) -> None:
    await emulator.post(f"/_sessions/{payment.sessions[link]}/settle", params={"result": result})


async def _expire(emulator: Emulator, payment: CustomerPayment, link: int = LAST) -> None:
    await emulator.post(f"/v1/checkout/sessions/{payment.sessions[link]}/expire")


async def _recover(emulator: Emulator, payment: CustomerPayment) -> None:
    """Opens the recovery URL of the expired session, which leads to a new one."""
    expired = (await emulator.get(f"/v1/checkout/sessions/{payment.sessions[LAST]}")).json()
    url = expired["after_expiration"]["recovery"]["url"]
    page = await emulator.get(urlsplit(url).path, expect=303)
    payment.sessions.append(page.headers["Location"].rpartition("/")[2])


async def _save_card(emulator: Emulator, payment: CustomerPayment) -> None:
    """Saves a card in a session of another mode that has the payment's id as its reference."""
    payment_id = payment.request.payment_id
    form = {"mode": "setup", "currency": "sgd", "client_reference_id": payment_id, **PAGE}
    session = await emulator.post("/v1/checkout/sessions", data=form | {"metadata[payment_intent_id]": payment_id})
    await emulator.post(f"/_pay/{session['id']}", json={"wait": False})


async def _copy_to_others(emulator: Emulator, payment: CustomerPayment) -> None:
    """Sends copies of the session's newest event as events of other accounts and of live mode."""
    page = await emulator.get("/v1/events", type="checkout.session.*", limit="100")
    session = payment.sessions[LAST]
    event = next(event for event in page.json()["data"] if event["data"]["object"]["id"] == session)
    for origin in OTHERS:
        copy = await emulator.post(f"/_events/{event['id']}/copy", json=origin)
        emulator.foreign_events.add(copy["id"])


async def _refund(
    emulator: Emulator, payment: CustomerPayment, parts: int = 1, link: int = LAST, *, with_our_id: bool = False
) -> None:
    """Refunds the amount divided by `parts`."""
    form = {"payment_intent": payment.intent(link), "amount": str(payment.paid_amount // parts)}
    if with_our_id:
        form["metadata[payment_intent_id]"] = payment.request.payment_id
    payment.refunds.append((await emulator.post("/v1/refunds", data=form))["id"])


async def _end_refund(emulator: Emulator, payment: CustomerPayment, end: str, number: int = LAST) -> None:
    await emulator.post(f"/_refunds/{payment.refunds[number]}/{end}")


async def _dispute(
    emulator: Emulator, payment: CustomerPayment, parts: int = 1, link: int = LAST, **details: Any
) -> None:
    """Disputes the amount divided by `parts`."""
    body = {"payment_intent": payment.intent(link), "amount": payment.paid_amount // parts, **details}
    payment.disputes.append((await emulator.post("/_disputes", json=body))["id"])


async def _move_dispute(emulator: Emulator, payment: CustomerPayment, status: str) -> None:
    await emulator.post(f"/_disputes/{payment.disputes[LAST]}/status", json={"status": status})


async def _warn(emulator: Emulator, payment: CustomerPayment) -> None:
    await emulator.post("/_early_fraud_warnings", json={"payment_intent": payment.intent(LAST)})


class Step(NamedTuple):
    """One change, and the least number of events that the webhook receives for it."""

    events: int
    act: Callable[[Emulator, CustomerPayment], Awaitable[None]]


_pay_with_delay = partial(_pay, method="delayed", after_seconds=str(_A_DAY))
_our_refund = partial(_refund, with_our_id=True)

STEPS: Mapping[str, Step] = {
    "pay": Step(1, partial(_pay, card=GOOD_CARD)),
    "pay first link": Step(1, partial(_pay, card=GOOD_CARD, link=FIRST)),
    "pay for slow refunds": Step(1, partial(_pay, card=SLOW_REFUND_CARD)),
    "pay with delay": Step(1, _pay_with_delay),
    "pay first link with delay": Step(1, partial(_pay_with_delay, link=FIRST)),
    "bank confirms": Step(1, partial(_settle, result="succeeded")),
    "bank confirms first link": Step(1, partial(_settle, result="succeeded", link=FIRST)),
    "bank rejects": Step(2, partial(_settle, result="failed")),
    "bank rejects first link": Step(2, partial(_settle, result="failed", link=FIRST)),
    "decline": Step(1, _decline),
    "decline first link": Step(1, partial(_decline, link=FIRST)),
    "expire": Step(1, _expire),
    "expire first link": Step(1, partial(_expire, link=FIRST)),
    "recover": Step(0, _recover),
    "save a card": Step(1, _save_card),
    "copy to others": Step(len(OTHERS), _copy_to_others),
    "refund": Step(2, _refund),
    "refund first link": Step(2, partial(_refund, link=FIRST)),
    "refund a third": Step(2, partial(_refund, parts=3)),
    "refund with our id": Step(2, _our_refund),
    "refund first link with our id": Step(2, partial(_our_refund, link=FIRST)),
    "refund succeeds": Step(1, partial(_end_refund, end="succeed")),
    "refund needs action": Step(1, partial(_end_refund, end="require_action")),
    "refund is canceled": Step(1, partial(_end_refund, end="cancel")),
    "refund fails": Step(2, partial(_end_refund, end="fail")),
    "first refund fails": Step(2, partial(_end_refund, end="fail", number=FIRST)),
    "dispute": Step(1, _dispute),
    "dispute first link": Step(1, partial(_dispute, link=FIRST)),
    "dispute a third": Step(1, partial(_dispute, parts=3)),
    "inquiry": Step(1, partial(_dispute, inquiry=True)),
    "prevented dispute": Step(1, partial(_dispute, status="prevented")),
    "inquiry is closed": Step(1, partial(_move_dispute, status="warning_closed")),
    "inquiry becomes dispute": Step(1, partial(_move_dispute, status="needs_response")),
    "dispute in review": Step(1, partial(_move_dispute, status="under_review")),
    "dispute is won": Step(1, partial(_move_dispute, status="won")),
    "dispute is lost": Step(1, partial(_move_dispute, status="lost")),
    "appeal": Step(1, partial(_move_dispute, status="appeal_needs_response")),
    "appeal in review": Step(1, partial(_move_dispute, status="appeal_under_review")),
    "appeal is won": Step(1, partial(_move_dispute, status="won")),
    "fraud warning": Step(1, _warn),
}
