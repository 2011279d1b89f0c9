"""Tests the limits of the benchmark and the comparison of turns."""

from collections.abc import Sequence

import pytest

from tests.bench.candidates import FLOOR, OURS, PLAIN, Candidate
from tests.bench.comparison import SERVER_COLUMNS, server_cells
from tests.bench.limits import RATIOS, TOTALS, Figure, Limit, Result, cpu, figure, p50, p99, percentile, results
from tests.bench.measure import Turn


def _turn(cpu_us: float, milliseconds: Sequence[float] = (1, 2), peak_mb: float = 80) -> Turn:
    return Turn(0.7, cpu_us, 10, 5_000, milliseconds, peak_mb, 0, 100, 0.1)


def test_a_figure_has_the_median_and_the_middle_half() -> None:
    assert figure([5, 1, 3, 2, 4]) == Figure(3, 2, 4)
    assert figure([7]) == Figure(7, 7, 7)
    assert figure([5, 1, 3, 2, 4]).text(".1f") == "3.0 (2.0 to 4.0)"


def test_a_percentile_is_that_of_the_values() -> None:
    turn = _turn(1, list(range(101)))

    assert (p50(turn), p99(turn), percentile([1, 3], 50)) == (50, 99, 2)


@pytest.mark.parametrize(
    ("cpu_us", "met"), [((300, 700), True), ((400, 700), False)], ids=["at the limit", "above the limit"]
)
def test_a_ratio_is_that_of_neighbouring_turns(cpu_us: Sequence[float], met: bool) -> None:
    """The second pair ran on a machine that was twice as slow, which changes nothing."""
    limit = Limit("CPU", cpu, OURS, FLOOR, {1: 3.5})
    turns = {OURS.name: [_turn(each) for each in cpu_us], FLOOR.name: [_turn(100), _turn(200)]}
    result = Result(limit, 1, figure(limit.values(turns)))

    assert limit.values(turns) == [cpu_us[0] / 100, cpu_us[1] / 200]
    assert result.met is met
    assert result.cells()[0] == "CPU: lea-payments / floor"
    assert result.cells()[3:] == ("at most 3.5", "yes" if met else "NO")


def test_a_limit_can_be_a_least_value() -> None:
    limit = Limit("CPU", cpu, PLAIN, OURS, 11, at_least=True)

    assert Result(limit, 1, Figure(12, 12, 12)).met
    assert not Result(limit, 1, Figure(10, 10, 10)).met
    assert Result(limit, 1, Figure(10, 10, 10)).cells()[3:] == ("at least 11", "NO")


def test_only_servers_that_took_part_are_compared() -> None:
    turns = {OURS.name: [_turn(140)], FLOOR.name: [_turn(40)]}
    compared = list(results({1: turns, 32: turns, 8: turns}))

    names = [(result.limit.name(), result.connections) for result in compared]
    assert names == [
        ("CPU per event: lea-payments / floor", 1),
        ("CPU per event: lea-payments / floor", 32),
        ("peak memory, MB: lea-payments", 0),
        ("start to ready, s: lea-payments", 0),
    ]
    assert compared[-1].cells()[1] == ""


def test_a_total_counts_all_turns_of_a_run() -> None:
    memory = TOTALS[0]
    (compared,) = [
        result
        for result in results({1: {OURS.name: [_turn(1, peak_mb=70)]}, 16: {OURS.name: [_turn(1, peak_mb=100)]}})
        if result.limit is memory
    ]

    assert compared.measured == Figure(85, 77.5, 92.5)


@pytest.mark.parametrize("limit", [*RATIOS, *TOTALS], ids=lambda limit: limit.name())
def test_every_limit_has_a_bound_and_names_our_server(limit: Limit) -> None:
    servers: list[Candidate] = [server for server in (limit.over, limit.under) if server]

    assert limit.bound(1) is not None
    assert any(server.command == OURS.command for server in servers)


def test_a_server_has_a_cell_for_every_column() -> None:
    assert len(server_cells([_turn(1), _turn(2)])) == len(SERVER_COLUMNS)
