from collections.abc import AsyncIterator
from typing import NoReturn

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Message, Receive, Scope

from lea_payments.checkout.errors import RefusalError
from lea_payments.checkout.guard import BODY_LIMIT, Callers, guarded_route

TOKENS = ("token-current", "token-next")


class Order(BaseModel):
    """The body of the test route."""

    name: str


async def create(order: Order) -> dict[str, str]:
    return {"name": order.name}


async def read() -> dict[str, str]:
    return {}


def _answer(_: Request, error: RefusalError) -> JSONResponse:
    return JSONResponse({"code": error.code, "param": error.param}, status_code=418)


@pytest.fixture
def app() -> FastAPI:
    router = APIRouter(route_class=guarded_route(Callers(TOKENS)))
    router.add_api_route("/orders", create, methods=["POST"])
    router.add_api_route("/orders", read, methods=["GET"])
    router.add_api_route("/orders/cancel", read, methods=["POST"])
    app = FastAPI()
    app.include_router(router)
    app.add_exception_handler(RefusalError, _answer)  # type: ignore[arg-type]  # Starlette's type takes any Exception
    return app


@pytest.fixture
async def caller(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {TOKENS[0]}", "Content-Type": "application/json"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api", headers=headers) as client:
        yield client


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_every_token_is_accepted(caller: httpx.AsyncClient, token: str, scheme: str) -> None:
    answer = await caller.get("/orders", headers={"Authorization": f"{scheme} {token}"})

    assert answer.status_code == 200


@pytest.mark.parametrize("content", [b"", b"{", b"x" * (BODY_LIMIT + 1)], ids=["none", "not JSON", "too large"])
async def test_a_route_without_a_body_reads_none(caller: httpx.AsyncClient, content: bytes) -> None:
    answer = await caller.post("/orders/cancel", content=content, headers={"Content-Type": "text/plain"})

    assert answer.status_code == 200


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", "Basic token-current", "token-current"])
async def test_a_wrong_token_is_rejected(caller: httpx.AsyncClient, header: str) -> None:
    answer = await caller.get("/orders", headers={"Authorization": header})

    assert answer.json() == {"code": "unauthorized", "param": "Authorization"}


async def _post(app: FastAPI, token: str, receive: Receive) -> bytes:
    """Sends a request whose body comes from `receive`; returns the body of the answer."""
    messages: list[Message] = []

    async def send(message: Message) -> None:
        messages.append(message)

    headers = [(b"authorization", f"Bearer {token}".encode()), (b"content-type", b"application/json")]
    scope: Scope = {"type": "http", "method": "POST", "path": "/orders", "query_string": b"", "headers": headers}
    await app(scope, receive, send)
    return b"".join(message.get("body", b"") for message in messages)


async def test_the_body_of_an_unknown_caller_is_never_read(app: FastAPI) -> None:
    async def receive() -> NoReturn:
        pytest.fail("the body was read")

    assert b'"unauthorized"' in await _post(app, "wrong", receive)


async def test_a_broken_connection_is_an_invalid_body(app: FastAPI) -> None:
    async def receive() -> Message:
        return {"type": "http.disconnect"}

    assert b'"invalid_json"' in await _post(app, TOKENS[0], receive)


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON"])
async def test_json_is_read(caller: httpx.AsyncClient, content_type: str) -> None:
    answer = await caller.post("/orders", content=b'{"name": "a"}', headers={"Content-Type": content_type})

    assert answer.json() == {"name": "a"}


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/jsonp"])
async def test_another_content_type_is_rejected(caller: httpx.AsyncClient, content_type: str) -> None:
    answer = await caller.post("/orders", content=b'{"name": "a"}', headers={"Content-Type": content_type})

    assert answer.json()["code"] == "unsupported_media_type"


@pytest.mark.parametrize(("length", "code"), [(BODY_LIMIT, None), (BODY_LIMIT + 1, "too_large")], ids=["at", "over"])
async def test_a_body_over_the_limit_is_rejected(caller: httpx.AsyncClient, length: int, code: str | None) -> None:
    body = b'{"name": "a"}'.ljust(length)

    answer = await caller.post("/orders", content=body)

    assert answer.json().get("code") == code
