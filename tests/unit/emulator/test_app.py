"""Tests the web application as a whole."""

from pathlib import Path

import httpx
import pytest
from fastapi.routing import APIRoute

from stripe_emulator.app import create_app
from stripe_emulator.controls.routes import CONTROLS
from stripe_emulator.overview import effects
from stripe_emulator.reference import cards
from stripe_emulator.reference.numbers import grouped
from stripe_emulator.settings import Settings

DOCUMENT = (Path(__file__).parents[3] / "docs" / "emulator.md").read_text()
SETTLE, CLOSE = "/_sessions/{session_id}/settle", "/_disputes/{dispute_id}/close"


def test_the_document_lists_every_control() -> None:
    controls = {
        f"{method} {route.path}"
        for route in create_app(Settings()).routes
        if isinstance(route, APIRoute) and route.path.startswith("/_")
        for method in route.methods or ()
    }
    rows = {line.split("`")[1] for line in DOCUMENT.splitlines() if line.startswith("| `") and " /_" in line}

    assert rows == controls


def test_the_document_lists_every_card_with_an_effect() -> None:
    table = DOCUMENT.partition("<!-- cards -->")[2].partition("<!-- /cards -->")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines() if line.startswith("| ")]

    special = [card for card in cards.BY_NUMBER.values() if not effects.is_plain(card)]
    assert {row[0]: row[2] for row in rows[1:]} == {grouped(card.number): effects.effect(card) for card in special}


async def test_openapi_describes_every_control() -> None:
    transport = httpx.ASGITransport(create_app(Settings()))
    async with httpx.AsyncClient(transport=transport, base_url="http://emulator") as client:
        paths = (await client.get("/openapi.json")).json()["paths"]

    described = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    assert described == {*(f"{control.method} {control.path}" for control in CONTROLS), "GET /health"}
    with_body = {control.path for control in CONTROLS if control.body}
    assert {path for path, methods in paths.items() for one in methods.values() if "requestBody" in one} == with_body
    dispute = paths["/_disputes"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert dispute["required"] == ["payment_intent"]
    assert "needs_response" in dispute["properties"]["status"]["anyOf"][0]["enum"]


async def test_a_required_query_parameter_has_no_default() -> None:
    transport = httpx.ASGITransport(create_app(Settings()))
    async with httpx.AsyncClient(transport=transport, base_url="http://emulator") as client:
        paths = (await client.get("/openapi.json")).json()["paths"]

    described = [paths[path]["post"]["parameters"] for path in (SETTLE, CLOSE)]
    required = [one for parameters in described for one in parameters if one["in"] == "query"]
    assert [(one["name"], one["required"], one["schema"]["enum"]) for one in required] == [
        ("result", True, ["succeeded", "failed"]),
        ("status", True, ["won", "lost"]),
    ]
    assert not any("default" in one["schema"] for one in required)


@pytest.mark.parametrize("path", ["/_nope", "/nope", "/_faults/", "/c/pay", "/_pay/cs_1/2", "/openapi.yaml"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_an_unknown_path_is_stripes_error(path: str, method: str) -> None:
    transport = httpx.ASGITransport(create_app(Settings()))
    async with httpx.AsyncClient(transport=transport, base_url="http://emulator") as client:
        answer = await client.request(method, path)

    error = answer.json()["error"]
    assert (answer.status_code, error["type"]) == (404, "invalid_request_error")
    assert path in error["message"]
    assert "/openapi.json" in error["message"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/_advance", ["POST"]),
        ("PUT", "/_pay/cs_1", ["POST"]),
        ("POST", "/_faults", ["DELETE", "GET", "PUT"]),
        ("POST", "/_deliveries", ["GET"]),
        ("DELETE", "/c/pay/cs_1", ["GET", "POST"]),
        ("POST", "/", ["GET"]),
        ("POST", "/health", ["GET"]),
        ("POST", "/openapi.json", ["GET", "HEAD"]),
        ("OPTIONS", "/v1/events", ["DELETE", "GET", "PATCH", "POST", "PUT"]),
    ],
)
async def test_a_wrong_method_is_stripes_error(method: str, path: str, allowed: list[str]) -> None:
    transport = httpx.ASGITransport(create_app(Settings()))
    async with httpx.AsyncClient(transport=transport, base_url="http://emulator") as client:
        answer = await client.request(method, path)

    error = answer.json()["error"]
    assert (answer.status_code, answer.headers["Allow"]) == (405, ", ".join(allowed))
    assert error["message"].startswith(f"{method} is not allowed for {path}. Use {' or '.join(allowed)}. ")


@pytest.mark.parametrize("path", ["/health/", "/v1/checkout/sessions/", "/_faults/"])
async def test_a_slash_at_the_end_is_not_redirected(path: str) -> None:
    transport = httpx.ASGITransport(create_app(Settings()))
    async with httpx.AsyncClient(transport=transport, base_url="http://emulator") as client:
        answer = await client.get(path, headers={"Host": "attacker.example", "Authorization": "Bearer sk_test_1"})

    assert "location" not in answer.headers
    assert answer.status_code == 404
