from typing import TYPE_CHECKING, Any

import pytest

from lea_payments.serving.http.one_packet import CollectingTransport

if TYPE_CHECKING:
    from collections.abc import Callable


class Transport:
    """A transport that records the written packets."""

    def __init__(self) -> None:
        self.packets: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        self.packets.append(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def get_extra_info(self, name: str, _default: object = None) -> str:
        return f"info of {name}"


class Turn:
    """One turn of an event loop: calls that wait until it ends."""

    def __init__(self) -> None:
        self.calls: list[Callable[[], None]] = []

    def end(self) -> None:
        while self.calls:
            self.calls.pop(0)()


@pytest.fixture
def transport() -> Transport:
    return Transport()


@pytest.fixture
def turn() -> Turn:
    return Turn()


@pytest.fixture
def collecting(transport: Transport, turn: Turn) -> CollectingTransport:
    stand_in: Any = transport
    return CollectingTransport(stand_in, turn.calls.append)


def test_the_writes_of_one_turn_are_one_packet(
    collecting: CollectingTransport, transport: Transport, turn: Turn
) -> None:
    collecting.write(b"head ")
    collecting.write(b"body")

    assert transport.packets == []
    turn.end()
    assert transport.packets == [b"head body"]


def test_the_next_turn_is_another_packet(collecting: CollectingTransport, transport: Transport, turn: Turn) -> None:
    collecting.write(b"first")
    turn.end()
    collecting.write(b"second")
    turn.end()

    assert transport.packets == [b"first", b"second"]


def test_closing_sends_pending_data(collecting: CollectingTransport, transport: Transport, turn: Turn) -> None:
    collecting.write(b"last")
    collecting.close()
    turn.end()

    assert (transport.packets, transport.closed) == ([b"last"], True)


def test_nothing_is_written_to_a_closed_transport(
    collecting: CollectingTransport, transport: Transport, turn: Turn
) -> None:
    collecting.write(b"late")
    transport.close()
    turn.end()

    assert transport.packets == []


def test_everything_else_passes_through(collecting: CollectingTransport) -> None:
    assert collecting.get_extra_info("peername") == "info of peername"
    assert not collecting.is_closing()
