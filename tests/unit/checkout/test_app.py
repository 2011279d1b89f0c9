from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NoReturn

import httpx
import pytest

from lea_payments.checkout.app import create_app
from lea_payments.payment.record import Payment
from lea_payments.settings import CheckoutSettings
from lea_payments.store.errors import UnavailableError

TOKEN = "token-of-the-caller"
NEW = {"user_id": "u", "quote_id": "q", "amount": 12000, "currency": "sgd", "product_name": "Travel insurance"}


class Records:
    """A table with one payment. It fails every call with `error`, if there is one."""

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error
        self.payment = Payment(payment_intent_id="payment_1", user_id="user_1", created_at="2026-01-01T00:00:00Z")

    async def get(self, payment_id: str) -> Payment | None:
        self._fail()
        return self.payment if payment_id == self.payment.payment_intent_id else None

    async def by_user(self, _: str) -> list[Payment]:
        self._fail()
        return [self.payment, Payment(payment_intent_id="payment_2", created_at="2026-01-02T00:00:00Z")]

    async def by_quote(self, _: str) -> list[Payment]:
        return []

    async def by_session(self, session_id: str) -> Payment | None:
        return self.payment if session_id == "cs_1" else None

    async def create(self, _: Payment) -> NoReturn:
        raise self._error or AssertionError

    async def ping_checkout(self) -> None:
        """Succeeds: the table is available."""

    def _fail(self) -> None:
        if self._error is not None:
            raise self._error


@asynccontextmanager
async def calling(records: Records) -> AsyncIterator[httpx.AsyncClient]:
    settings = CheckoutSettings.model_validate({"STRIPE_SECRET_KEY": "sk_test_unit", "PAYMENTS_API_TOKEN": TOKEN})
    app = create_app(settings, records)  # type: ignore[arg-type]  # the calls that these tests need
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://api", headers=headers) as client:
        yield client


@pytest.fixture(autouse=True)
def no_env_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
async def api() -> AsyncIterator[httpx.AsyncClient]:
    async with calling(Records()) as client:
        yield client


def _error(answer: httpx.Response) -> tuple[int, str, str | None]:
    error: dict[str, Any] = answer.json()["error"]
    return answer.status_code, error["code"], error.get("param")


async def test_a_payment_is_read_by_its_id(api: httpx.AsyncClient) -> None:
    existing, missing = await api.get("/payments/payment_1"), await api.get("/payments/payment_9")

    assert (existing.status_code, existing.json()["user_id"]) == (200, "user_1")
    assert _error(missing) == (404, "payment_not_found", "payment_intent_id")


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("user_id=u", ["payment_2", "payment_1"]),
        ("quote_id=q", []),
        ("session_id=cs_1", ["payment_1"]),
        ("session_id=cs_2", []),
    ],
)
async def test_a_list_is_newest_first(api: httpx.AsyncClient, query: str, ids: list[str]) -> None:
    answer = await api.get(f"/payments?{query}")

    assert [payment["payment_intent_id"] for payment in answer.json()["payments"]] == ids


@pytest.mark.parametrize("query", ["", "user_id=u&quote_id=q", "user_id=u&user_id=u"])
async def test_a_list_needs_exactly_one_parameter(api: httpx.AsyncClient, query: str) -> None:
    assert _error(await api.get(f"/payments?{query}")) == (422, "invalid_request", "user_id")


async def test_a_missing_token_is_a_401_with_the_scheme(api: httpx.AsyncClient) -> None:
    answer = await api.get("/payments/payment_1", headers={"Authorization": ""})

    assert _error(answer) == (401, "unauthorized", "Authorization")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"{", (400, "invalid_json", None)),
        (b'{"user_id": "\xff"}', (400, "invalid_json", None)),
        (b"{}", (422, "invalid_request", "user_id")),
    ],
    ids=["not JSON", "not UTF-8", "no fields"],
)
async def test_an_invalid_body_says_why(api: httpx.AsyncClient, content: bytes, error: tuple[int, str, str]) -> None:
    answer = await api.post("/payments", content=content, headers={"Content-Type": "application/json"})

    assert _error(answer) == error


async def test_an_amount_below_the_minimum_is_a_422(api: httpx.AsyncClient) -> None:
    assert _error(await api.post("/payments", json=NEW | {"amount": 1})) == (422, "amount_too_small", "amount")


async def test_a_405_names_all_methods_of_the_path(api: httpx.AsyncClient) -> None:
    deleted, deleted_one = await api.delete("/payments"), await api.delete("/payments/payment_1")

    assert _error(deleted) == (405, "method_not_allowed", None)
    assert (deleted.headers["Allow"], deleted_one.headers["Allow"]) == ("GET, POST", "GET")


async def test_an_unknown_path_is_a_404(api: httpx.AsyncClient) -> None:
    assert _error(await api.get("/nothing")) == (404, "not_found", None)


@pytest.mark.parametrize("path", ["/payments/payment_1", "/payments?user_id=u"])
async def test_a_table_that_fails_is_a_503_with_retry_after(path: str) -> None:
    async with calling(Records(UnavailableError("no answer"))) as api:
        answer = await api.get(path)

    assert _error(answer) == (503, "table_unavailable", None)
    assert answer.headers["Retry-After"] == "1"


async def test_a_bug_is_a_500_without_details() -> None:
    async with calling(Records(KeyError("secret detail"))) as api:
        answer = await api.post("/payments", json=NEW)

    assert _error(answer) == (500, "internal_error", None)
    assert "secret detail" not in answer.text
