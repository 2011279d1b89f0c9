"""Compares the measured turns: medians, paired ratios, and whether each limit is met."""

from collections.abc import Callable, Sequence
from statistics import median, quantiles
from typing import NamedTuple

from tests.bench.measure import Turn

CPU_RATIO = 8
MEMORY_MB = 150
READY_SECONDS = 2
TELEMETRY_RATIO = 1.25
"""How much more CPU an event may cost with telemetry on and a tenth of the traces exported than with telemetry off."""
BASELINE_RATIO = 1.05
"""How much CPU an event may cost compared with the baseline: the same, within the error of the measurement."""


def paired(ours: Sequence[Turn], other: Sequence[Turn]) -> list[float]:
    """The ratio of CPU per event, ours to the other's, in each pair of neighbouring turns.

    The machine may be twice as slow a minute later, but neighbours ran under almost the same conditions.
    """
    return [one.cpu_us / two.cpu_us for one, two in zip(ours, other, strict=True)]


class Row(NamedTuple):
    """One line of a table; `met` is None where there is no limit."""

    name: str
    ours: str
    other: str
    comparison: str
    limit: str = ""
    met: bool | None = None


def percentile(values: Sequence[float], percent: int) -> float:
    """The value that `percent` per cent of the values do not exceed."""
    return quantiles(values, n=100, method="inclusive")[percent - 1]


def against_plain(ours: Sequence[Turn], plain: Sequence[Turn]) -> list[Row]:
    """Our webhook beside the plain one, with the limits for ours."""
    cpu, speed, p50, p99, memory, ready = _medians(ours, plain)
    ratio = median(paired(plain, ours))
    return [
        _row("CPU per event, µs", cpu, ".0f")._replace(
            comparison=f"{ratio:.1f} times less", limit=f"at least {CPU_RATIO} times less", met=ratio >= CPU_RATIO
        ),
        _row("events/s", speed, ",.0f"),
        _row("p50, ms", p50, ".1f"),
        _row("p99, ms", p99, ".1f", "no worse", p99[0] <= p99[1]),
        _row("peak memory, MB", memory, ".0f", f"under {MEMORY_MB}", memory[0] < MEMORY_MB),
        _row("start to ready, s", ready, ".2f", f"within {READY_SECONDS}", ready[0] <= READY_SECONDS),
    ]


def against_baseline(ours: Sequence[Turn], baseline: Sequence[Turn]) -> list[Row]:
    """Our webhook beside that of another checkout: each comparison is the ratio ours/baseline."""
    cpu, speed, p50, p99, memory, ready = _medians(ours, baseline)
    ratios = paired(ours, baseline)
    ratio = median(ratios)
    middle_half = f"{percentile(ratios, 25):.2f} to {percentile(ratios, 75):.2f}" if len(ratios) > 1 else "one pair"
    return [
        _row("CPU per event, µs", cpu, ".0f")._replace(
            comparison=f"{ratio:.2f} ({middle_half})", limit=f"at most {BASELINE_RATIO}", met=ratio <= BASELINE_RATIO
        ),
        _ratio_row("events/s", speed, ",.0f"),
        _ratio_row("p50, ms", p50, ".1f"),
        _ratio_row("p99, ms", p99, ".1f"),
        _ratio_row("peak memory, MB", memory, ".0f"),
        _ratio_row("start to ready, s", ready, ".2f"),
    ]


def _medians(ours: Sequence[Turn], other: Sequence[Turn]) -> list[tuple[float, float]]:
    measures: Sequence[Callable[[Turn], float]] = (
        lambda turn: turn.cpu_us,
        lambda turn: turn.events_per_second,
        lambda turn: percentile(turn.milliseconds, 50),
        lambda turn: percentile(turn.milliseconds, 99),
        lambda turn: turn.peak_mb,
        lambda turn: turn.ready_seconds,
    )
    return [(median(map(measure, ours)), median(map(measure, other))) for measure in measures]


def _row(name: str, values: tuple[float, float], form: str, limit: str = "", met: bool | None = None) -> Row:
    ours, other = values
    comparison = f"{max(values) / min(values):.1f} times {'less' if ours < other else 'more'}"
    return Row(name, format(ours, form), format(other, form), comparison, limit, met)


def _ratio_row(name: str, values: tuple[float, float], form: str) -> Row:
    return _row(name, values, form)._replace(comparison=f"{values[0] / values[1]:.2f}")


class TelemetryCost(NamedTuple):
    """CPU per event in µs with telemetry, and its ratio to CPU per event without."""

    name: str
    cpu_us: float
    ratio: float
    limit: str = ""
    met: bool | None = None


def telemetry_costs(off: Sequence[Turn], sampled: Sequence[Turn], all_traces: Sequence[Turn]) -> list[TelemetryCost]:
    """The cost of telemetry, from servers that took turns."""

    def cost(name: str, turns: Sequence[Turn]) -> TelemetryCost:
        return TelemetryCost(name, median(turn.cpu_us for turn in turns), median(paired(turns, off)))

    tenth = cost("on, a tenth of the traces", sampled)
    return [
        cost("off", off),
        tenth._replace(limit=f"at most {TELEMETRY_RATIO} times", met=tenth.ratio <= TELEMETRY_RATIO),
        cost("on, all traces", all_traces),
    ]
