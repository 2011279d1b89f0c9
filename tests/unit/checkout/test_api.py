from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI, Response
from msgspec.structs import replace
from starlette.requests import Request

from lea_payments.checkout.api import PaymentsApi
from lea_payments.checkout.errors import RefusalError
from lea_payments.checkout.guard import Callers
from lea_payments.checkout.request_bodies import NewPayment, payment_ids_for
from lea_payments.checkout.sessions import OpenCheckout
from lea_payments.payment.record import Payment
from lea_payments.stripe.checkout_sessions import CheckoutSession

ORIGIN = "https://chat.example.com"
TOKEN, OTHER_TOKEN = "token-of-the-caller", "token-of-another-caller"
NEW = {"user_id": "u", "quote_id": "q", "amount": 12000, "currency": "SGD", "product_name": "Travel insurance"}


class Sessions:
    """Opens one session per payment, and reuses it. It also is the table of these payments."""

    def __init__(self) -> None:
        self.payments: list[Payment] = []

    async def get(self, payment_id: str) -> Payment | None:
        return next((one for one in self.payments if one.payment_intent_id == payment_id), None)

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
    routes = PaymentsApi(sessions, sessions, return_origins=[ORIGIN])  # type: ignore[arg-type]  # a fake
    app.include_router(routes.router(Callers([TOKEN, OTHER_TOKEN])))
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


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "Idempotency-Key": "order-1"}


async def test_keys_of_callers_are_independent(api: httpx.AsyncClient, sessions: Sessions) -> None:
    for token, user in ((TOKEN, "a"), (OTHER_TOKEN, "b"), (TOKEN, "a"), (OTHER_TOKEN, "b")):
        await api.post("/payments", json=NEW | {"user_id": user}, headers=_bearer(token))

    ids = [(payment.payment_intent_id, payment.user_id) for payment in sessions.payments]
    assert ids[:2] == ids[2:]
    assert len(set(ids)) == 2


async def test_a_new_token_finds_the_payment_of_the_old_one(api: httpx.AsyncClient, sessions: Sessions) -> None:
    """The token was rotated between two calls for the same payment."""
    for token in (TOKEN, OTHER_TOKEN):
        await api.post("/payments", json=NEW, headers=_bearer(token))

    first, again = (payment.payment_intent_id for payment in sessions.payments)
    assert first == again


async def test_a_key_of_version_0_1_0_finds_its_payment(api: httpx.AsyncClient, sessions: Sessions) -> None:
    payment_id = payment_ids_for("order-1", [])[0]
    former = Payment(payment_intent_id=payment_id, user_id="u", quote_id="q", amount=12000, currency="sgd")
    sessions.payments.append(former)

    await api.post("/payments", json=NEW, headers=_bearer(TOKEN))
    await api.post("/payments", json=NEW | {"amount": 5000}, headers=_bearer(TOKEN))

    _, again, other = (payment.payment_intent_id for payment in sessions.payments)
    assert again == payment_id
    assert other != payment_id


async def test_a_return_url_of_an_allowed_origin_is_stored(api: httpx.AsyncClient, sessions: Sessions) -> None:
    answer = await api.post("/payments", json=NEW | {"return_url": f"{ORIGIN}/c/7"})

    assert answer.json()["payment"]["return_url"] == f"{ORIGIN}/c/7"
    assert sessions.payments[0].return_url == f"{ORIGIN}/c/7"


@pytest.mark.parametrize("origins", [[ORIGIN], []], ids=["other origins", "no origin"])
async def test_a_return_url_of_another_origin_is_refused(sessions: Sessions, origins: list[str]) -> None:
    api = PaymentsApi(sessions, sessions, return_origins=origins)  # type: ignore[arg-type]  # a fake
    new = NewPayment.model_validate(NEW | {"return_url": "https://evil.example/"})
    with pytest.raises(RefusalError) as refused:
        await api.create_payment(Request({"type": "http"}), Response(), new)

    assert (refused.value.code, refused.value.param) == ("invalid_request", "return_url")
    assert "RETURN_URL_ORIGINS" in refused.value.message
    assert sessions.payments == []
