"""Lists what must be reached: every limit of the benchmark, as data."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import median, quantiles
from typing import NamedTuple

from tests.bench.candidates import ALL, BASELINE, FLOOR, NOTIFYING, OFF, OURS, PEER, PLAIN, Candidate
from tests.bench.measure import Turn

CONNECTIONS = (1, 16, 32)
MEMORY_MB = 90
READY_SECONDS = 1.0

Turns = Mapping[str, Sequence[Turn]]
"""The turns of each server, by its name, at one number of connections; turns with the same index are neighbours."""


class Figure(NamedTuple):
    """A measured value with its spread: the median, and the bounds of the middle half."""

    middle: float
    low: float
    high: float

    def text(self, form: str) -> str:
        """Such as `3.42 (3.40 to 3.47)`."""
        return f"{self.middle:{form}} ({self.low:{form}} to {self.high:{form}})"


def figure(values: Sequence[float]) -> Figure:
    """The figure of at least one value."""
    if len(values) == 1:
        return Figure(values[0], values[0], values[0])
    return Figure(median(values), percentile(values, 25), percentile(values, 75))


def percentile(values: Sequence[float], percent: int) -> float:
    """The value that `percent` per cent of at least two values do not exceed."""
    return quantiles(values, n=100, method="inclusive")[percent - 1]


Measure = Callable[[Turn], float]


def cpu(turn: Turn) -> float:
    """CPU per event, in µs."""
    return turn.cpu_us


def p50(turn: Turn) -> float:
    """Half of the answers took at most this, in ms."""
    return percentile(turn.milliseconds, 50)


def p99(turn: Turn) -> float:
    """99 of 100 answers took at most this, in ms."""
    return percentile(turn.milliseconds, 99)


class Limit(NamedTuple):
    """A limit for a ratio of two servers, or for the value of one if there is no `under`.

    `bounds` has the limit for each number of connections; a single number holds at every one.
    """

    what: str
    measure: Measure
    over: Candidate
    under: Candidate | None
    bounds: Mapping[int, float] | float
    at_least: bool = False
    form: str = ".2f"

    def name(self) -> str:
        """Such as `CPU per event: lea-payments / floor`."""
        return f"{self.what}: {self.over.name}" + (f" / {self.under.name}" if self.under else "")

    def bound(self, connections: int) -> float | None:
        """The limit at a number of connections."""
        return self.bounds.get(connections) if isinstance(self.bounds, Mapping) else self.bounds

    def values(self, turns: Turns) -> list[float]:
        """One value per turn, or none if a server was not measured.

        A ratio is that of two neighbouring turns: the machine may be twice as slow a minute later, but neighbours run
        under almost the same conditions.
        """
        over = [self.measure(turn) for turn in turns.get(self.over.name, ())]
        if self.under is None:
            return over
        under = [self.measure(turn) for turn in turns.get(self.under.name, ())]
        return [one / other for one, other in zip(over, under, strict=True)] if over and under else []


CPU = "CPU per event"
RATIOS: Sequence[Limit] = (
    Limit(CPU, cpu, OURS, FLOOR, {1: 3.5, 16: 4, 32: 4}),
    Limit(CPU, cpu, OURS, PEER, {1: 0.75, 16: 0.45, 32: 0.4}),
    Limit(CPU, cpu, PLAIN, OURS, {1: 11, 32: 24}, at_least=True, form=".1f"),
    Limit(CPU, cpu, OURS, OFF, 1.15),
    Limit(CPU, cpu, ALL, OFF, 1.5),
    Limit("p99", p99, OURS, PLAIN, 1),
    Limit("p99", p99, OURS, PEER, 1),
    Limit(CPU, cpu, OURS, BASELINE, 1.05),
    Limit(CPU, cpu, NOTIFYING, OURS, 1.05, form=".3f"),
)
"""The limits at each number of connections."""

TOTALS: Sequence[Limit] = (
    Limit("peak memory, MB", lambda turn: turn.peak_mb, OURS, None, MEMORY_MB, form=".1f"),
    Limit("start to ready, s", lambda turn: turn.ready_seconds, OURS, None, READY_SECONDS),
)
"""The limits of a whole run, at whatever number of connections."""


class Result(NamedTuple):
    """A limit and what was measured; `connections` is 0 for a limit of the whole run."""

    limit: Limit
    connections: int
    measured: Figure

    @property
    def met(self) -> bool:
        """Whether the median keeps to the limit."""
        bound = self.limit.bound(self.connections)
        assert bound is not None
        return self.measured.middle >= bound if self.limit.at_least else self.measured.middle <= bound

    def cells(self) -> tuple[str, str, str, str, str]:
        """The limit's name, the connections, the measured value, the limit, and whether it is met."""
        bound = f"{'at least' if self.limit.at_least else 'at most'} {self.limit.bound(self.connections):g}"
        measured = self.measured.text(self.limit.form)
        return self.limit.name(), str(self.connections or ""), measured, bound, "yes" if self.met else "NO"


def results(measured: Mapping[int, Turns]) -> Iterator[Result]:
    """What was measured for every limit whose servers took part."""
    for limit in RATIOS:
        for connections, turns in measured.items():
            values = limit.values(turns)
            if values and limit.bound(connections) is not None:
                yield Result(limit, connections, figure(values))
    for limit in TOTALS:
        values = [value for turns in measured.values() for value in limit.values(turns)]
        if values:
            yield Result(limit, 0, figure(values))
