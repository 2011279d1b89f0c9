"""Unit tests are quick and alone: no network, and nothing of ours blocks the event loop."""

import sys
from collections.abc import Iterator

import pytest
from blockbuster import blockbuster_ctx

FORBIDDEN = {"socket.bind", "socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"}


class _Network:
    """Watches the interpreter's own audit events, so that no library gets around it."""

    def __init__(self) -> None:
        self.forbidden = False
        self.attempts: list[str] = []

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.forbidden and event in FORBIDDEN:
            attempt = f"{event} {arguments[1:] if event in ('socket.bind', 'socket.connect') else arguments}"
            self.attempts.append(attempt)
            raise RuntimeError(f"A unit test may not use the network: {attempt}")


_network = _Network()
sys.addaudithook(_network)  # for good: Python has no way to take a hook back


@pytest.fixture(autouse=True)
def no_network() -> Iterator[None]:
    """Refuse every use of the network, and fail the test even when the code hides the refusal."""
    _network.forbidden = True
    _network.attempts.clear()
    yield
    _network.forbidden = False
    assert not _network.attempts


@pytest.fixture(autouse=True)
def no_blocking() -> Iterator[None]:
    """Refuse calls of ours that would block the event loop (blockbuster.BlockingError)."""
    with blockbuster_ctx(["lea_payments", "stripe_emulator"]):
        yield
