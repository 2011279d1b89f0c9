"""Measures how many events one core can take, and how long the answers take at half of that load."""

from collections.abc import Sequence

import msgspec

from tests.bench.candidates import OURS
from tests.bench.limits import Figure, cpu, figure, p50, p99
from tests.bench.measure import Bench, Turn

CONNECTIONS = (1, 8, 32, 128)
ROUNDS = 3
MOST_EVENTS = 3_000
HALF_SECONDS = 2.0


class CapacityRow(msgspec.Struct):
    """The cost of an event and the maximum rate, and the answers at half of that rate."""

    connections: int
    cpu_us: Figure
    per_core: Figure
    maximum: Figure
    half_p50_ms: Figure
    half_p99_ms: Figure


def measure(bench: Bench) -> list[CapacityRow]:
    """Sends as fast as the events are answered, then at half of the measured rate, a number of times."""
    fast: dict[int, list[Turn]] = {number: [] for number in CONNECTIONS}
    half: dict[int, list[Turn]] = {number: [] for number in CONNECTIONS}
    with bench.serving(OURS) as server:
        for _ in range(ROUNDS):
            for number in CONNECTIONS:
                turn = server.turn(number, MOST_EVENTS)
                fast[number].append(turn)
                rate = turn.events_per_second / 2
                half[number].append(server.turn(number, round(rate * HALF_SECONDS), rate))
    return [row_of(number, fast[number], half[number]) for number in CONNECTIONS]


def row_of(connections: int, fast: Sequence[Turn], half: Sequence[Turn]) -> CapacityRow:
    """The row of one number of connections."""
    return CapacityRow(
        connections,
        figure([cpu(turn) for turn in fast]),
        figure([1e6 / cpu(turn) for turn in fast]),
        figure([turn.events_per_second for turn in fast]),
        figure([p50(turn) for turn in half]),
        figure([p99(turn) for turn in half]),
    )
