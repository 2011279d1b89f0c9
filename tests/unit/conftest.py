"""Forbids network access and calls that block the event loop in unit tests."""

import sys
from collections.abc import Iterator

import pytest
from blockbuster import blockbuster_ctx

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
