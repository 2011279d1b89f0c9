"""Checks the API's description with a linter, and generates clients from it and uses them against the running API."""

import json
import os
import shutil
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.support.checkout_api import TOKEN
from tests.support.programs import run

FOLDER = Path(__file__).parent

EXPECTED: dict[str, Any] = {
    "link": True,
    "ends": True,
    "status": "pending",
    "currency": "sgd",
    "locale": "zh-SG",
    "final": False,
    "payable": True,
    "dispute": "none",
    "history": 0,
    "waited": True,
    "pages": [2, 1],
    "listed": True,
    "too_large": "amount_too_large",
    "unknown_currency": "unknown_currency",
    "missing": "payment_not_found",
    "canceled": ["expired", "canceled"],
    "superseded": "canceled",
    "gets_no_link": "payment_canceled",
    "ready": "ready",
}
"""What a client sees: three payments of one user, two of which are canceled, errors with their codes, and a probe."""


def test_the_linter_finds_nothing_in_the_description(node_modules: Path, description: Path) -> None:
    quiet = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
    command = [node_modules / ".bin" / "redocly", "lint", "--format=json", "--max-problems=1000", description]

    report = json.loads(run(command, description.parent, env={"PATH": os.environ["PATH"], **quiet}))

    assert report["problems"] == []


def test_a_generated_python_client_works(generator_python: Path, description: Path, url: str, tmp_path: Path) -> None:
    path = f"{generator_python.parent}:{os.environ['PATH']}"
    generate = [generator_python, "-m", "openapi_python_client", "generate", "--path", description, "--meta", "none"]
    run([*generate, "--fail-on-warning", "--output-path", "checkout_client"], tmp_path, env={"PATH": path})
    shutil.copy(FOLDER / "use_python_client.py", tmp_path)

    output = run([generator_python, "use_python_client.py"], tmp_path, env=_variables(url))

    assert json.loads(output) == EXPECTED


def test_a_generated_typescript_client_works(node_modules: Path, description: Path, url: str, tmp_path: Path) -> None:
    shutil.copytree(FOLDER / "typescript", tmp_path, dirs_exist_ok=True)
    (tmp_path / "node_modules").symlink_to(node_modules)
    path = {"PATH": os.environ["PATH"]}
    run([node_modules / ".bin" / "openapi-typescript", description, "--output", "schema.d.ts"], tmp_path, env=path)
    run([node_modules / ".bin" / "tsc"], tmp_path, env=path)

    output = run(["node", "built/use_client.js"], tmp_path, env={**path, **_variables(url)})

    assert json.loads(output) == EXPECTED


def _variables(url: str) -> dict[str, str]:
    return {"CHECKOUT_URL": url, "TOKEN": TOKEN, "RUN": uuid4().hex}
