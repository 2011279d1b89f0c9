"""Lets the servers take turns, and prints what was measured beside the limits."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from statistics import median

from rich.console import Console
from rich.table import Table

from tests.bench.candidates import Candidate
from tests.bench.limits import Figure, Result, Turns, cpu, figure, p50, p99, results
from tests.bench.measure import Backend, Bench, Turn

SERVER_COLUMNS: Mapping[str, str] = {
    "CPU per event, µs": "the CPU time of the server's process, and in brackets the middle half of the turns",
    "backend, µs": "the CPU time behind the server: of the stand-ins for DynamoDB and the collector, or of PostgreSQL",
    "events/s": "events that were answered per second",
    "p50, ms": "half of the answers took at most this",
    "p99, ms": "99 of 100 answers took at most this",
    "peak memory, MB": "the largest resident memory of the process",
    "start to ready, s": "the time from the start of the process until it answers `/readyz` with 200",
}
"""The measurements of a server, with their meaning."""

Measured = Mapping[int, Turns]
"""The turns by number of connections."""


def take_turns(
    bench: Bench,
    candidates: Mapping[Candidate, Backend | None],
    connections: Sequence[int],
    repeats: tuple[int, int],
    console: Console,
) -> Measured:
    """Starts all servers a number of times; after each start, all take a number of turns. They never run at once."""
    starts, rounds = repeats
    measured: dict[int, dict[str, list[Turn]]] = {
        number: {candidate.name: [] for candidate in candidates} for number in connections
    }
    for start in range(starts):
        with ExitStack() as stack:
            servers = [
                (candidate.name, stack.enter_context(bench.serving(candidate, backend)))
                for candidate, backend in candidates.items()
            ]
            for one in range(rounds):
                for number, turns in measured.items():
                    # The order alternates, so that a machine that gets slower does not favour one candidate.
                    for name, server in servers if one % 2 else servers[::-1]:
                        turns[name].append(server.turn(number))
                    console.print(_progress(start * rounds + one + 1, starts * rounds, number, turns), soft_wrap=True)
    return measured


def _progress(turn: int, total: int, connections: int, turns: Turns) -> str:
    costs = ", ".join(f"{name} {taken[-1].cpu_us:.0f}" for name, taken in turns.items())
    return f"turn {turn} of {total}, {connections} connections, CPU per event in µs: {costs}"


def show(measured: Measured, console: Console) -> bool:
    """Prints the tables and returns whether every limit is met."""
    for connections, turns in measured.items():
        table = Table(f"{connections} connections", *SERVER_COLUMNS)
        for name, taken in turns.items():
            table.add_row(name, *server_cells(taken))
        console.print(table)
        for name, taken in turns.items():
            console.print(_conditions(name, taken), soft_wrap=True)
    compared = list(results(measured))
    console.print(_limits_table(compared))
    return all(result.met for result in compared)


def server_cells(turns: Sequence[Turn]) -> Sequence[str]:
    """The measurements of a server, in the order of the columns."""
    measures: Sequence[tuple[Figure, str]] = (
        (figure([cpu(turn) for turn in turns]), ".0f"),
        (figure([turn.backend_us for turn in turns]), ".0f"),
        (figure([turn.events_per_second for turn in turns]), ",.0f"),
        (figure([p50(turn) for turn in turns]), ".2f"),
        (figure([p99(turn) for turn in turns]), ".1f"),
        (figure([turn.peak_mb for turn in turns]), ".0f"),
        (figure([turn.ready_seconds for turn in turns]), ".2f"),
    )
    return [value.text(form) for value, form in measures]


def _limits_table(compared: Sequence[Result]) -> Table:
    table = Table("limit", "connections", "measured (middle half)", "limit", "met")
    for result in compared:
        table.add_row(*result.cells())
    return table


def _conditions(name: str, turns: Sequence[Turn]) -> str:
    last = turns[-1]
    events = len(last.milliseconds)
    return (
        f"{name}: every event was answered 200 and written once; {events / last.calls:.1f} writes per call, "
        f"{last.spans / events:.2f} spans per event exported; the sender used "
        f"{median(turn.sender_share for turn in turns):.0%} of a core"
    )
