"""Keeps the developer's settings, the network, and calls that block the event loop out of unit tests."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from blockbuster import blockbuster_ctx

from lea_payments.environment import EnvironmentSettings

FORBIDDEN = {"socket.bind", "socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"}


class _Network:
    """An audit hook of the interpreter, which no library can bypass."""

    def __init__(self) -> None:
        self.forbidden = False
        self.attempts: list[str] = []

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.forbidden and event in FORBIDDEN:
            attempt = f"{event} {arguments[1:] if event in ('socket.bind', 'socket.connect') else arguments}"
            self.attempts.append(attempt)
            raise RuntimeError(f"A unit test may not use the network: {attempt}")


_network = _Network()
sys.addaudithook(_network)  # permanent: Python cannot remove an audit hook


def _names(kind: type[EnvironmentSettings]) -> set[str]:
    """The variables of these settings and of all that are derived from them."""
    own = {str(field.validation_alias) for field in kind.model_fields.values()}
    return own.union(*map(_names, kind.__subclasses__()))


@pytest.fixture(scope="session")
def empty_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder without a `.env`."""
    return tmp_path_factory.mktemp("empty")


@pytest.fixture(scope="session")
def variables_of_the_developer() -> set[str]:
    """Return the variables of our settings that are set where the tests run."""
    return _names(EnvironmentSettings) & os.environ.keys()


@pytest.fixture(autouse=True)
def no_settings_of_the_developer(
    monkeypatch: pytest.MonkeyPatch, empty_folder: Path, variables_of_the_developer: set[str]
) -> None:
    """Neither the variables of our settings nor a `.env`."""
    monkeypatch.chdir(empty_folder)
    for name in variables_of_the_developer:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def no_network() -> Iterator[None]:
    """Refuse all network access, and fail the test even if the code catches the error."""
    _network.forbidden = True
    _network.attempts.clear()
    yield
    _network.forbidden = False
    assert not _network.attempts


@pytest.fixture(autouse=True, scope="module")
def no_blocking() -> Iterator[None]:
    """Refuse calls of our code that block the event loop (blockbuster.BlockingError). Once for a file: it is slow."""
    with blockbuster_ctx(["lea_payments", "stripe_emulator"]):
        yield
