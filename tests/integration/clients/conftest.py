"""Fixtures of the generated clients: the running API, its description, and the generators."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import plain_http
from tests.support.checkout_api import SECRETS
from tests.support.programs import installation, run

FOLDER = Path(__file__).parent


@pytest.fixture(scope="module")
def url(start_service: Callable[..., str]) -> str:
    """Return the address of a checkout service with an emulator."""
    return start_service("checkout", STRIPE_API_BASE=start_service("stripe-emulator"), **SECRETS)


@pytest.fixture(scope="module")
def description(url: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with the API's description."""
    path = tmp_path_factory.mktemp("description") / "openapi.json"
    path.write_bytes(plain_http.get(f"{url}/openapi.json").raise_for_status().content)
    return path


@pytest.fixture(scope="session")
def node_modules(root: Path) -> Path:
    """Return the folder of the npm packages, which are installed once into a folder that git ignores."""
    npm, packages = shutil.which("npm"), FOLDER / "typescript"
    if npm is None or shutil.which("node") is None:
        pytest.skip("needs Node.js with npm (Debian: apt install nodejs npm)")
    with installation(root / ".data" / "npm-clients", packages / "package-lock.json") as folder:
        if folder is not None:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(packages / name, folder)
            run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder)
    return root / ".data" / "npm-clients" / "node_modules"


@pytest.fixture(scope="session")
def generator_python(root: Path) -> Path:
    """Return the Python that has the client generator. It needs an older typer than we do, so it has its own folder."""
    requirements = root / "requirements" / "clients.txt"
    target = root / ".data" / "python-clients"
    with installation(target, requirements, f"{sys.base_prefix} {sys.version}") as folder:
        if folder is not None:
            uv = [sys.executable, "-m", "uv"]
            python = folder / "venv" / "bin" / "python"
            run([*uv, "venv", "--quiet", "--python", sys.executable, "venv"], folder)
            run([*uv, "pip", "install", "--quiet", "--require-hashes", "--python", python, "-r", requirements], folder)
    return target / "venv" / "bin" / "python"
