"""`make bench`: the webhook receiver and the plain recipe, the same events, one table; fails when a bar is missed."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import msgspec
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.bench import results
from tests.bench.measure import Bench, Candidate, Plan, Turn
from tests.bench.processes import MODULE, Wrong
from tests.bench.profiled import Profile

OURS = Candidate("lea-payments", (str(Path(sys.executable).parent / "lea-payments"), "webhook"), counts=True)
OFF = OURS._replace(
    name="telemetry off",
    counts=False,
    traces=False,
    env=(("OTEL_EXPORTER_OTLP_ENDPOINT", ""), ("METRICS_PORT", "0")),
)
ALL = OURS._replace(name="all traces kept", env=(("OTEL_TRACES_SAMPLER_ARG", "1"),))
PLAIN = Candidate("plain recipe", (*MODULE, "tests.bench.plain"), counts=False)
WARM_UP = 1_000
SAMPLING = 0.1
console = Console(highlight=False)


def main() -> int:
    """Runs it; 0 when every bar is met."""
    options = _options()
    plan = Plan(options.connections, options.events, WARM_UP, SAMPLING)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        bench = Bench(Path(folder), plan)
        try:
            with bench.backends():
                if options.profile:
                    return _profile(bench, Path(folder) / "profile.json", options.turns)
                return _compare(bench, options.starts, options.turns)
        except Wrong as wrong:
            console.print(f"✗ {wrong}", style="red", markup=False)
            return 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the webhook receiver against the plain recipe.")
    parser.add_argument("--events", type=int, default=1_000, help="in each turn (%(default)s)")
    parser.add_argument("--turns", type=int, default=5, help="of each server after a start (%(default)s)")
    parser.add_argument("--starts", type=int, default=3, help="of all servers (%(default)s)")
    parser.add_argument("--connections", type=int, default=32, help="that send at the same time (%(default)s)")
    parser.add_argument("--profile", action="store_true", help="run ours alone and show where its CPU time goes")
    return parser.parse_args()


def _compare(bench: Bench, starts: int, turns: int) -> int:
    found: dict[Candidate, list[Turn]] = {candidate: [] for candidate in (OFF, OURS, ALL, PLAIN)}
    for start in range(starts):
        with ExitStack() as stack:
            servers = [(candidate, stack.enter_context(bench.serving(candidate))) for candidate in found]
            for number in range(turns):
                # Back and forth, so that a machine that grows slower makes no one dearer than another.
                for candidate, server in servers if number % 2 else servers[::-1]:
                    found[candidate].append(server.turn())
                told = ", ".join(f"{candidate.name} {turned[-1].cpu_us:.0f}" for candidate, turned in found.items())
                console.print(
                    f"turn {start * turns + number + 1} of {starts * turns}, µs CPU per event: {told}", soft_wrap=True
                )
    rows = results.rows(found[OURS], found[PLAIN])
    console.print(_table(rows))
    for candidate in (OURS, PLAIN):
        console.print(_surroundings(candidate, found[candidate]))
    costs = results.costs(found[OFF], found[OURS], found[ALL])
    console.print(_cost_table(costs))
    bars = [row.met for row in rows] + [cost.met for cost in costs]
    return 1 if False in bars else 0


def _cost_table(costs: Sequence[results.Cost]) -> Table:
    """Off means no traces and no port of metrics; all three count their deliveries and write a line for each."""
    table = Table("telemetry", "CPU per event, µs", "times that", "bar", "met")
    for one in costs:
        table.add_row(one.name, f"{one.cpu_us:.0f}", f"{one.ratio:.2f}", one.bar, _met(one.met))
    return table


def _met(met: bool | None) -> str:  # noqa: FBT001
    return "" if met is None else "yes" if met else "NO"


def _table(rows: Sequence[results.Row]) -> Table:
    table = Table("", OURS.name, PLAIN.name, "ours is", "bar", "met")
    for row in rows:
        table.add_row(*row[:5], _met(row.met))
    return table


def _surroundings(candidate: Candidate, turns: Sequence[Turn]) -> str:
    last = turns[-1]
    events = len(last.milliseconds)
    backends, sender = median(each.backends_share for each in turns), median(each.sender_share for each in turns)
    return (
        f"{candidate.name}: every event answered 200 and written once; {events / last.calls:.1f} writes per call, "
        f"{last.spans / events:.2f} spans per event exported; the stand-ins behind used {backends:.0%} "
        f"of a core, the sender {sender:.0%}"
    )


def _profile(bench: Bench, file: Path, turns: int) -> int:
    with bench.serving(OURS._replace(command=(*MODULE, "tests.bench.profiled", str(file)))) as server:
        cpu_us = median(server.turn().cpu_us for _ in range(turns))
    events = bench.plan.warm_up + turns * bench.plan.events
    profile = msgspec.json.decode(file.read_bytes(), type=Profile)
    console.print(f"{cpu_us:.0f} µs CPU per event, with the profiler's own")
    for title, used in (("group", profile.groups), ("function", profile.functions)):
        table = Table(title, "µs per event", "share")
        for name, seconds in list(used.items())[:20]:
            table.add_row(name, f"{seconds / events * 1e6:.1f}", f"{seconds / sum(used.values()):.0%}")
        console.print(table)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
