from collections.abc import Callable
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from lea_payments.serving import described_app
from lea_payments.serving.app import create_app


class Store:
    """A table that answers."""

    async def ping(self) -> None:
        """Succeeds: the table is available."""


def _app(**options: Any) -> Starlette:
    store: Any = Store()
    return create_app(store, store.ping, **options)


def _described_app(**openapi: Any) -> Starlette:
    store: Any = Store()
    return described_app.create_app("test", store, store.ping, openapi=openapi)


both = pytest.mark.parametrize("create", [_app, _described_app], ids=["plain", "described"])


async def _get(app: Starlette, path: str) -> httpx.Response:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        return await client.get(path)


@both
@pytest.mark.parametrize(
    ("path", "body"),
    [("/health", {"status": "ok"}), ("/livez", {"status": "ok"}), ("/readyz", {"status": "ready"})],
)
async def test_every_service_answers_the_probes(
    create: Callable[[], Starlette], path: str, body: dict[str, str]
) -> None:
    answer = await _get(create(), path)

    assert (answer.status_code, answer.json()) == (200, body)


@both
async def test_a_bug_is_a_500_that_ends_the_connection(create: Callable[[], Starlette]) -> None:
    async def broken(_: Request) -> Response:
        raise KeyError("secret detail")

    app = create()
    app.router.routes.insert(0, Route("/broken", broken))
    answer = await _get(app, "/broken")

    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal_error")
    assert answer.headers["Connection"] == "close"
    assert "secret" not in answer.text


async def test_the_description_names_every_probe_and_its_answers() -> None:
    paths = (await _get(_described_app(), "/openapi.json")).json()["paths"]

    described = {path: (routes["get"]["operationId"], [*routes["get"]["responses"]]) for path, routes in paths.items()}
    assert described == {
        "/health": ("get_health", ["200", "400"]),
        "/livez": ("get_liveness", ["200", "400"]),
        "/readyz": ("get_readiness", ["200", "503", "400"]),
    }


@both
async def test_an_unknown_path_is_a_404_in_json(create: Callable[[], Starlette]) -> None:
    answer = await _get(create(), "/nothing")

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


@both
async def test_a_slash_at_the_end_is_not_redirected(create: Callable[[], Starlette]) -> None:
    """The address of a redirect would contain the Host header, which the sender chooses."""
    answer = await _get(create(), "/health/")

    assert (answer.status_code, "location" in answer.headers) == (404, False)


async def test_a_service_can_replace_an_error_handler() -> None:
    def handler(_: Request, error: KeyError) -> Response:
        return PlainTextResponse(str(error), 418)

    async def fail(_: Request) -> Response:
        raise KeyError("a")

    app = _app(error_handlers={KeyError: handler})
    app.router.routes.append(Route("/fail", fail))

    assert (await _get(app, "/fail")).status_code == 418


@pytest.mark.parametrize(("app", "status"), [(_described_app(version="7"), 200), (_app(), 404)], ids=["on", "off"])
async def test_only_a_described_app_has_openapi(app: Starlette, status: int) -> None:
    assert (await _get(app, "/openapi.json")).status_code == status


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_there_are_no_pages_that_load_foreign_scripts(path: str) -> None:
    assert (await _get(_described_app(), path)).status_code == 404
