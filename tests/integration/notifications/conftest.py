"""Fixtures for receivers of notifications: the official packages for Node and Go, and the receivers of the guide."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.notifications import receivers
from tests.integration.notifications.receivers import PACKAGES, Receiver
from tests.support.programs import installation, run


@pytest.fixture(scope="session")
def node_packages(root: Path) -> Path:
    """Return a folder with the official package for Node, which is installed once into a folder that git ignores."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("needs Node.js with npm (Debian: apt install nodejs npm)")
    target = root / ".data" / "npm-notifications"
    with installation(target, PACKAGES / "package-lock.json") as folder:
        if folder is not None:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(PACKAGES / name, folder)
            run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder)
    return target


@pytest.fixture(scope="session")
def go_verifier(root: Path) -> Path:
    """Return a program with the official package for Go, which is built once into a folder that git ignores."""
    go = shutil.which("go")
    if go is None:
        pytest.skip("needs Go (Debian: apt install golang-go)")
    target = root / ".data" / "go-notifications"
    with installation(target, PACKAGES / "go" / "go.sum") as folder:
        if folder is not None:
            run([go, "build", "-o", folder / "verify", "."], PACKAGES / "go")
    return target / "verify"


@pytest.fixture(scope="module", params=["python", "js"])
def receiver(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]
) -> Iterator[Receiver]:
    """Yield a receiver of the guide, one after the other."""
    packages = request.getfixturevalue("node_packages") if request.param == "js" else None
    running = receivers.start(request.param, tmp_path_factory.mktemp("receiver"), free_port(), packages)
    yield running
    running.close()
