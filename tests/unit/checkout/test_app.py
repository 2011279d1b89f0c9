import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NoReturn

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from lea_payments.checkout.app import create_app
from lea_payments.checkout.errors import ERRORS
from lea_payments.payment.record import Payment
from lea_payments.settings import CheckoutSettings
from lea_payments.store.errors import UnavailableError
from tests.support import odd_json
from tests.support.hostile_urls import HOSTILE_URLS, ORIGIN

TOKEN = "token-of-the-caller"
NEW = {"user_id": "u", "quote_id": "q", "amount": 12000, "currency": "sgd", "product_name": "Travel insurance"}


class Records:
    """A table with one payment. It fails every call with `error`, if there is one."""

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error
        self.searches: list[tuple[int, str]] = []
        self.payment = Payment(payment_intent_id="payment_1", user_id="user_1", created_at="2026-01-01T00:00:00Z")
        self.newer = Payment(payment_intent_id="payment_2", created_at="2026-01-02T00:00:00Z")

    async def get(self, payment_id: str) -> Payment | None:
        self._fail()
        return next((one for one in (self.payment, self.newer) if one.payment_intent_id == payment_id), None)

    async def by_user(self, _: str, limit: int, after: str) -> list[Payment]:
        self._fail()
        self.searches.append((limit, after))
        gone = Payment(payment_intent_id="payment_3")
        return [*(replace(one, user_id=None) for one in (self.payment, self.newer)), gone][:limit]

    async def by_quote(self, _: str, limit: int, after: str) -> list[Payment]:
        self.searches.append((limit, after))
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


def app_with(records: Records) -> FastAPI:
    variables = {
        "STRIPE_SECRET_KEY": "sk_test_OfTheCheckoutTests",
        "PAYMENTS_API_TOKEN": TOKEN,
        "RETURN_URL_ORIGINS": ORIGIN,
    }
    return create_app(CheckoutSettings.model_validate(variables), records)  # type: ignore[arg-type]  # what is needed


@asynccontextmanager
async def client_of(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://api", headers=headers) as client:
        yield client


@asynccontextmanager
async def calling(records: Records) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app_with(records)) as client:
        yield client


def post(app: FastAPI, body: object) -> httpx.Response:
    async def call() -> httpx.Response:
        async with client_of(app) as api:
            headers = {"Content-Type": "application/json"}
            return await api.post("/payments", content=json.dumps(body), headers=headers)

    return asyncio.run(call())


@pytest.fixture(autouse=True)
def no_env_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def app() -> FastAPI:
    """Return an app that most tests share, because to create one takes longer than a test."""
    return app_with(Records())


@pytest.fixture
async def api(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app) as client:
        yield client


def _error(answer: httpx.Response) -> tuple[int, str, str | None]:
    error: dict[str, Any] = answer.json()["error"]
    return answer.status_code, error["code"], error.get("param")


async def test_a_payment_is_read_by_its_id(api: httpx.AsyncClient) -> None:
    existing, missing = await api.get("/payments/payment_1"), await api.get("/payments/payment_9")

    assert (existing.status_code, existing.json()["user_id"]) == (200, "user_1")
    assert _error(missing) == (404, "payment_not_found", "payment_intent_id")


@pytest.mark.parametrize(
    ("query", "param"),
    [
        *((f"wait={text}", "wait") for text in ("26", "-1", "1.5", "%2B5", "1_0", "", "soon")),
        *((f"wait=5&after={text}", "after") for text in ("-1", "2.0", "", "1" * 16, "v2")),
        ("waits=5", "waits"),
    ],
)
async def test_a_wait_that_is_not_understood_is_refused(api: httpx.AsyncClient, query: str, param: str) -> None:
    assert _error(await api.get(f"/payments/payment_1?{query}")) == (422, "invalid_request", param)


async def test_a_version_without_a_wait_is_answered_at_once(api: httpx.AsyncClient) -> None:
    answers = [await api.get(f"/payments/payment_1?{query}") for query in ("after=0", "wait=0&after=0", "wait=0")]

    assert [answer.json()["version"] for answer in answers] == [0, 0, 0]


@pytest.mark.parametrize("url", HOSTILE_URLS)
async def test_a_hostile_return_url_is_refused(api: httpx.AsyncClient, url: str) -> None:
    answer = await api.post("/payments", json=NEW | {"return_url": url})

    assert _error(answer) == (422, "invalid_request", "return_url")


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


async def test_a_page_ends_at_its_limit_and_has_a_cursor() -> None:
    records = Records()
    async with calling(records) as api:
        first = await api.get("/payments?user_id=u&limit=1")
        cursor = first.json()["next_cursor"]
        await api.get(f"/payments?user_id=u&limit=50&cursor={cursor}")

    assert [payment["payment_intent_id"] for payment in first.json()["payments"]] == ["payment_1"]
    assert records.searches == [(2, ""), (51, "payment_1")]


async def test_a_list_has_the_fields_of_a_payment(api: httpx.AsyncClient) -> None:
    listed = (await api.get("/payments?user_id=u")).json()["payments"]
    one = (await api.get("/payments/payment_1")).json()

    del one["history"]
    assert listed[1] == one


async def test_a_payment_that_is_gone_is_not_listed(api: httpx.AsyncClient) -> None:
    listed = (await api.get("/payments?user_id=u")).json()["payments"]

    assert len(listed) == 2


async def test_an_id_beside_an_idempotency_key_is_refused(api: httpx.AsyncClient) -> None:
    answer = await api.post("/payments", json=NEW | {"payment_intent_id": "p"}, headers={"Idempotency-Key": "order-1"})

    assert _error(answer) == (422, "invalid_request", "Idempotency-Key")
    assert "not both" in answer.text


@pytest.mark.parametrize(("amount", "code"), [(0, "amount_too_small"), (10**12, "amount_too_large")])
async def test_an_amount_out_of_range_has_its_own_code(api: httpx.AsyncClient, amount: int, code: str) -> None:
    assert _error(await api.post("/payments", json=NEW | {"amount": amount})) == (422, code, "amount")


async def test_a_list_without_a_limit_is_a_page(api: httpx.AsyncClient) -> None:
    answer = await api.get("/payments?user_id=u")

    assert answer.json()["next_cursor"] is None


@pytest.mark.parametrize("search", ["user_id=u", "quote_id=q", "session_id=cs_1"])
@pytest.mark.parametrize("cursor", ["x", "%F0%9F%92%B8", "AAAAAAAAAAAAcGF5bWVudF8x"])
async def test_an_unknown_cursor_is_a_400(api: httpx.AsyncClient, search: str, cursor: str) -> None:
    assert _error(await api.get(f"/payments?{search}&cursor={cursor}")) == (400, "invalid_cursor", "cursor")


@pytest.mark.parametrize("limit", ["0", "101", "x", "", "%EF%BC%95"])
async def test_a_limit_out_of_range_is_named(api: httpx.AsyncClient, limit: str) -> None:
    assert _error(await api.get(f"/payments?user_id=u&limit={limit}")) == (422, "invalid_request", "limit")


@pytest.mark.parametrize(
    "query",
    [
        *("", "limit=5", "user_id=u&quote_id=q"),
        "user_id=u&session_id=cs_1",
    ],
)
async def test_a_list_needs_exactly_one_parameter(api: httpx.AsyncClient, query: str) -> None:
    assert _error(await api.get(f"/payments?{query}")) == (422, "invalid_request", "user_id")


@pytest.mark.parametrize(
    ("path", "param"),
    [
        ("/payments?user_id=u&user_id=u", "user_id"),
        ("/payments?user_id=u&limit=5&limit=5", "limit"),
        ("/payments?user_id=u&cursor=a&cursor=b", "cursor"),
        ("/payments/payment_1?wait=0&wait=0", "wait"),
        ("/payments/payment_1?wait=5&after=0&after=1", "after"),
    ],
)
async def test_a_parameter_given_twice_is_named(api: httpx.AsyncClient, path: str, param: str) -> None:
    answer = await api.get(path)

    assert _error(answer) == (422, "invalid_request", param)
    assert answer.json()["error"]["message"] == "Give each parameter once."


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
        (json.dumps(NEW).encode("utf-16"), (400, "invalid_json", None)),
        (json.dumps(NEW).encode("utf-32-le"), (400, "invalid_json", None)),
        (json.dumps(NEW).replace("{", '{"amount": 1, ').encode(), (400, "invalid_json", "amount")),
        (b'{"\\ud800": 1, "\\ud800": 2}', (400, "invalid_json", "\\ud800")),
        (b'{"amount": NaN}', (400, "invalid_json", None)),
        (json.dumps(NEW | {"\ud800": 1}).encode(), (422, "invalid_request", "body")),
        (json.dumps(NEW | {"product_name": "\ud800"}).encode(), (422, "invalid_request", "product_name")),
    ],
    ids=[
        *("not JSON", "not UTF-8", "no fields", "UTF-16", "UTF-32", "field twice", "odd field twice", "NaN"),
        *("odd field", "half a character"),
    ],
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


@pytest.mark.parametrize("field", ["user_id", "quote_id", "product_name"])
@pytest.mark.parametrize("text", ["a\x9bb", "a\u202eb", "a\u2028b", "\u3164", "\u200d", "\u2800\ufe0f"], ids=ascii)
async def test_a_text_that_cannot_be_shown_is_named(api: httpx.AsyncClient, field: str, text: str) -> None:
    answer = await api.post("/payments", json=NEW | {field: text})

    assert _error(answer) == (422, "invalid_request", field)
    assert "remove it" in answer.text or "send one that people can read" in answer.text


def test_any_product_name_is_accepted_or_refused_by_name() -> None:
    """An accepted name reaches the table, which fails here."""
    app = app_with(Records(UnavailableError("no answer")))

    @given(st.text(st.characters() | st.sampled_from("\u200d\u202e\u3164\u2800 \n"), max_size=8))
    @settings(deadline=None)
    def check(name: str) -> None:
        assert _error(post(app, NEW | {"product_name": name})) in [
            (503, "table_unavailable", None),
            (422, "invalid_request", "product_name"),
        ]

    check()


BODIES = st.fixed_dictionaries({name: st.just(value) | odd_json.VALUES for name, value in NEW.items()})
ODD_NAMES = st.dictionaries(st.text(st.characters(categories=None)), st.integers(), max_size=3)


def test_any_json_has_an_answer_of_the_contract() -> None:
    """A correct body reaches the table, which fails here."""
    app = app_with(Records(UnavailableError("no answer")))

    @given(BODIES | odd_json.VALUES | ODD_NAMES)
    @settings(deadline=None)
    def check(body: object) -> None:
        status, code, _ = _error(post(app, body))

        assert status in (400, 422, 503)
        assert ERRORS[code].status == status

    check()


async def test_a_slash_at_the_end_is_a_404_that_says_so(api: httpx.AsyncClient) -> None:
    answer = await api.post("/payments/", json=NEW, headers={"Host": "attacker.example"})

    assert _error(answer) == (404, "not_found", None)
    assert "remove the slash at its end" in answer.text
    assert "location" not in answer.headers


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
    assert answer.headers["Connection"] == "close"
    assert "secret detail" not in answer.text
