from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from msgspec.structs import replace

from lea_payments.checkout.api import PaymentsApi
from lea_payments.checkout.sessions import OpenCheckout
from lea_payments.payment.record import Payment
from lea_payments.stripe.checkout_sessions import CheckoutSession

TOKEN = "token-of-the-caller"
NEW = {"user_id": "u", "quote_id": "q", "amount": 12000, "currency": "SGD", "product_name": "Travel insurance"}


class Sessions:
    """Opens one session per payment, and reuses it."""

    def __init__(self) -> None:
        self.payments: list[Payment] = []

    async def open_for(self, payment: Payment) -> OpenCheckout:
        self.payments.append(payment)
        session = CheckoutSession("cs_1", "open", "https://stripe.example/cs_1", 1767225600)
        with_session = replace(payment, stripe_session_id="cs_1")
        return OpenCheckout(with_session, session, reused=len(self.payments) > 1)


@pytest.fixture
def sessions() -> Sessions:
    return Sessions()


@pytest.fixture
async def api(sessions: Sessions) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    store: Any = None  # creating a payment uses the sessions alone
    app.include_router(PaymentsApi(store, sessions).router([TOKEN]))  # type: ignore[arg-type]  # only `open_for` is used
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api", headers=headers) as client:
        yield client


async def test_a_new_session_is_a_201_and_an_open_one_a_200(api: httpx.AsyncClient) -> None:
    created, repeated = await api.post("/payments", json=NEW), await api.post("/payments", json=NEW)

    assert (created.status_code, repeated.status_code) == (201, 200)
    assert created.json()["link"] == {"url": "https://stripe.example/cs_1", "expires_at": "2026-01-01T00:00:00Z"}
    assert created.json()["payment"]["stripe_session_id"] == "cs_1"


async def test_the_idempotency_key_sets_the_payments_id(api: httpx.AsyncClient, sessions: Sessions) -> None:
    for key in ("order-1", "order-1", "order-2"):
        await api.post("/payments", json=NEW, headers={"Idempotency-Key": key})

    first, repeated, other = (payment.payment_intent_id for payment in sessions.payments)
    assert first == repeated != other
