"""From turns to one table: medians, ratios and whether each bar is met; pure."""

from collections.abc import Callable, Sequence
from statistics import median, quantiles
from typing import NamedTuple

from tests.bench.measure import Turn

CPU_RATIO = 8
MEMORY_MB = 150
READY_SECONDS = 2
TELEMETRY_RATIO = 1.25
"""How much more CPU an event may cost with telemetry on, a tenth of the traces kept, than with telemetry off."""


def paired(dearer: Sequence[Turn], cheaper: Sequence[Turn]) -> float:
    """How many times the CPU of the one an event takes in the other: the median over turns that were neighbours.

    The machine may be twice as slow a minute later; neighbours met much the same machine.
    """
    return median(one.cpu_us / other.cpu_us for one, other in zip(dearer, cheaper, strict=True))


class Row(NamedTuple):
    """One line of the table; `met` is None where there is no bar."""

    name: str
    ours: str
    plain: str
    ratio: str
    bar: str = ""
    met: bool | None = None


def percentile(values: Sequence[float], percent: int) -> float:
    """The value that so many per cent of the values do not exceed."""
    return quantiles(values, n=100, method="inclusive")[percent - 1]


def rows(ours: Sequence[Turn], plain: Sequence[Turn]) -> list[Row]:
    """The comparison of two servers that took turns."""

    def both(of: Callable[[Turn], float]) -> tuple[float, float]:
        return median(map(of, ours)), median(map(of, plain))

    cpu = both(lambda each: each.cpu_us)
    cpu_ratio = paired(plain, ours)
    speed = both(lambda each: each.events_per_second)
    p50 = both(lambda each: percentile(each.milliseconds, 50))
    p99 = both(lambda each: percentile(each.milliseconds, 99))
    memory = both(lambda each: each.peak_mb)
    ready = both(lambda each: each.ready_seconds)
    return [
        _row("CPU per event, µs", cpu, ".0f", f"at least {CPU_RATIO} times less", cpu_ratio >= CPU_RATIO)._replace(
            ratio=f"{cpu_ratio:.1f} times less"
        ),
        _row("events/s", speed, ",.0f"),
        _row("p50, ms", p50, ".1f"),
        _row("p99, ms", p99, ".1f", "no worse", p99[0] <= p99[1]),
        _row("peak memory, MB", memory, ".0f", f"under {MEMORY_MB}", memory[0] < MEMORY_MB),
        _row("start to ready, s", ready, ".2f", f"within {READY_SECONDS}", ready[0] <= READY_SECONDS),
    ]


class Cost(NamedTuple):
    """What telemetry costs: CPU per event in µs, and how many times what it is without."""

    name: str
    cpu_us: float
    ratio: float
    bar: str = ""
    met: bool | None = None


def costs(off: Sequence[Turn], tenth: Sequence[Turn], all_of_it: Sequence[Turn]) -> list[Cost]:
    """The cost of telemetry, from servers that took turns."""

    def cost(name: str, turns: Sequence[Turn]) -> Cost:
        return Cost(name, median(one.cpu_us for one in turns), paired(turns, off))

    kept = cost("on, a tenth of the traces kept", tenth)
    return [
        cost("off", off),
        kept._replace(bar=f"at most {TELEMETRY_RATIO} times", met=kept.ratio <= TELEMETRY_RATIO),
        cost("on, all traces kept", all_of_it),
    ]


def _row(name: str, values: tuple[float, float], form: str, bar: str = "", met: bool | None = None) -> Row:  # noqa: FBT001
    ours, plain = values
    more = max(values) / min(values)
    ratio = f"{more:.1f} times {'less' if ours < plain else 'more'}"
    return Row(name, format(ours, form), format(plain, form), ratio, bar, met)
