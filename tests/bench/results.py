"""From rounds to one table: medians, ratios and whether each bar is met; pure."""

from collections.abc import Callable, Sequence
from statistics import median, quantiles
from typing import NamedTuple

from tests.bench.measure import Round

CPU_RATIO = 8
MEMORY_MB = 150
READY_SECONDS = 2
TELEMETRY_RATIO = 1.25
"""How much more CPU an event may cost with telemetry on, a tenth of the traces kept, than with telemetry off."""


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


def rows(ours: Sequence[Round], plain: Sequence[Round]) -> list[Row]:
    """The comparison of two servers over the same rounds."""

    def both(of: Callable[[Round], float]) -> tuple[float, float]:
        return median(map(of, ours)), median(map(of, plain))

    cpu = both(lambda each: each.cpu_us)
    speed = both(lambda each: each.events_per_second)
    p50 = both(lambda each: percentile(each.milliseconds, 50))
    p99 = both(lambda each: percentile(each.milliseconds, 99))
    memory = both(lambda each: each.peak_mb)
    ready = both(lambda each: each.ready_seconds)
    return [
        _row("CPU per event, µs", cpu, ".0f", f"at least {CPU_RATIO} times less", cpu[1] >= CPU_RATIO * cpu[0]),
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


def costs(off: Sequence[Round], tenth: Sequence[Round], all_of_it: Sequence[Round]) -> list[Cost]:
    """The cost of telemetry, from rounds that took turns.

    The best round of each counts: others on the machine can make an event dearer, and never cheaper than it is.
    """
    without = min(one.cpu_us for one in off)

    def cost(name: str, rounds: Sequence[Round]) -> Cost:
        least = min(one.cpu_us for one in rounds)
        return Cost(name, least, least / without)

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
