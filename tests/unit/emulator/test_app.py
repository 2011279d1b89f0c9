"""Tests the web application as a whole."""

from pathlib import Path

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
