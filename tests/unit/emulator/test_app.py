"""Tests the web application as a whole."""

from pathlib import Path

import httpx
import pytest
from fastapi.routing import APIRoute

import stripe_emulator
from stripe_emulator.app import create_app
from stripe_emulator.settings import Settings

README = Path(stripe_emulator.__file__).parent / "README.md"


def test_the_readme_lists_every_control() -> None:
    controls = {
        f"{method} {route.path}"
        for route in create_app(Settings()).routes
        if isinstance(route, APIRoute) and route.path.startswith("/_")
        for method in route.methods or ()
    }
    rows = {line.split("`")[1] for line in README.read_text().splitlines() if line.startswith("| `") and " /_" in line}

    assert rows == controls


@pytest.mark.parametrize("path", ["/health/", "/v1/checkout/sessions/", "/_faults/"])
async def test_a_slash_at_the_end_is_not_redirected(path: str) -> None:
    transport = httpx.ASGITransport(create_app(Settings()))
    async with httpx.AsyncClient(transport=transport, base_url="http://emulator") as client:
        answer = await client.get(path, headers={"Host": "attacker.example", "Authorization": "Bearer sk_test_1"})

    assert "location" not in answer.headers
    assert answer.status_code == 404
