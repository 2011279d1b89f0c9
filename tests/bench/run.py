"""Runs `make bench`: measures our webhook, the plain one and, on request, that of another checkout, in turns."""

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.bench import cpu_profile, results
from tests.bench.measure import Bench, Candidate, Turn, Workload
from tests.bench.processes import MODULE, BenchError

OURS = Candidate("lea-payments", (str(Path(sys.executable).parent / "lea-payments"), "webhook"), counts=True)
OFF = OURS._replace(
    name="telemetry off",
    counts=False,
    traces=False,
    env=(("OTEL_EXPORTER_OTLP_ENDPOINT", ""), ("METRICS_PORT", "0")),
)
ALL = OURS._replace(name="all traces", env=(("OTEL_TRACES_SAMPLER_ARG", "1"),))
NOTIFYING = OURS._replace(name="notifications on", env=(("NOTIFICATIONS", "true"),))
NOTIFICATIONS_LIMIT = 1.05
PLAIN = Candidate("plain webhook", (*MODULE, "tests.bench.plain"), counts=False)
BASELINE = "baseline"
WARM_UP = 1_000
SAMPLING = 0.1
EVENTS, PROFILE_EVENTS = 1_000, 20_000
TOP = 20
console = Console(highlight=False, width=None if sys.stdout.isatty() else 140)

Turns = Mapping[Candidate, Sequence[Turn]]


def main() -> int:
    """Runs the benchmark and returns its exit status: 0 if every limit is met."""
    options = _options()
    events = options.events or (PROFILE_EVENTS if options.profile else EVENTS)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        bench = Bench(Path(folder), Workload(options.connections, events, WARM_UP, SAMPLING))
        try:
            with bench.backends():
                if options.profile:
                    return _profile(bench, Path(folder) / "profile.txt")
                return _compare_notifications(bench, options) if options.notifications else _compare(bench, options)
        except BenchError as error:
            console.print(f"✗ {error}", style="red", markup=False, soft_wrap=True)
            return 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure our webhook beside a plain one, in turns.")
    parser.add_argument("--events", type=int, help=f"per turn ({EVENTS}; with --profile {PROFILE_EVENTS})")
    parser.add_argument("--turns", type=int, default=5, help="of each server after a start (%(default)s)")
    parser.add_argument("--starts", type=int, default=3, help="of all servers (%(default)s)")
    parser.add_argument("--connections", type=int, default=32, help="that send at the same time (%(default)s)")
    parser.add_argument(
        "--baseline",
        type=_baseline,
        metavar="DIR",
        help="also measure the webhook of this checkout, with its own .venv",
    )
    text = "measure ours with and without notifications, in pairs"
    parser.add_argument("--notifications", action="store_true", help=text)
    parser.add_argument("--profile", action="store_true", help="measure ours alone and show where its CPU time goes")
    return parser.parse_args()


def _baseline(folder: str) -> Candidate:
    command = Path(folder).resolve() / ".venv/bin/lea-payments"
    if not command.exists():
        raise argparse.ArgumentTypeError(f"{command} does not exist: run `make setup` in {folder} first")
    return OURS._replace(name=BASELINE, command=(str(command), "webhook"))


def _compare(bench: Bench, options: argparse.Namespace) -> int:
    # The baseline runs next to ours, so that the two meet the same conditions.
    candidates = [OFF, OURS, *filter(None, [options.baseline]), ALL, PLAIN]
    turns = _take_turns(bench, candidates, options.starts, options.turns)
    rows = results.against_plain(turns[OURS], turns[PLAIN])
    console.print(_table(rows, PLAIN.name, "ours is"))
    if options.baseline:
        compared = results.against_baseline(turns[OURS], turns[options.baseline])
        console.print(_table(compared, BASELINE, "ours/baseline"))
        rows += compared
    for candidate in candidates:
        if candidate not in (OFF, ALL):
            console.print(_conditions(candidate, turns[candidate]), soft_wrap=True)
    costs = results.telemetry_costs(turns[OFF], turns[OURS], turns[ALL])
    console.print(_cost_table(costs))
    met = [row.met for row in rows] + [cost.met for cost in costs]
    return 1 if False in met else 0


def _compare_notifications(bench: Bench, options: argparse.Namespace) -> int:
    """Compares the CPU of each pair of turns: the two of a pair meet the same conditions."""
    turns = _take_turns(bench, [OURS, NOTIFYING], options.starts, options.turns)
    pairs = zip(turns[NOTIFYING], turns[OURS], strict=True)
    ratio = median(on.cpu_us / off.cpu_us for on, off in pairs)
    cpu_us = [median(turn.cpu_us for turn in turns[candidate]) for candidate in (OURS, NOTIFYING)]
    console.print(
        f"CPU per event: {cpu_us[0]:.1f} µs without notifications, {cpu_us[1]:.1f} µs with them; the median of "
        f"{len(turns[OURS])} pairs is {ratio:.3f} (limit {NOTIFICATIONS_LIMIT})"
    )
    return 0 if ratio <= NOTIFICATIONS_LIMIT else 1


def _take_turns(bench: Bench, candidates: Sequence[Candidate], starts: int, turns: int) -> Turns:
    taken: dict[Candidate, list[Turn]] = {candidate: [] for candidate in candidates}
    for start in range(starts):
        with ExitStack() as stack:
            servers = [(candidate, stack.enter_context(bench.serving(candidate))) for candidate in candidates]
            for number in range(turns):
                # The order alternates, so that a machine that gets slower does not favour one candidate.
                for candidate, server in servers if number % 2 else servers[::-1]:
                    taken[candidate].append(server.turn())
                costs = ", ".join(f"{candidate.name} {turn[-1].cpu_us:.0f}" for candidate, turn in taken.items())
                console.print(
                    f"turn {start * turns + number + 1} of {starts * turns}, CPU per event in µs: {costs}",
                    soft_wrap=True,
                )
    return taken


def _table(rows: Sequence[results.Row], other: str, comparison: str) -> Table:
    table = Table("", OURS.name, other, comparison, "limit", "met")
    for row in rows:
        table.add_row(*row[:5], _met(row.met))
    return table


def _cost_table(costs: Sequence[results.TelemetryCost]) -> Table:
    """Off means no traces and no metrics port; all three still count deliveries and write log lines."""
    table = Table("telemetry", "CPU per event, µs", "ratio", "limit", "met")
    for cost in costs:
        table.add_row(cost.name, f"{cost.cpu_us:.0f}", f"{cost.ratio:.2f}", cost.limit, _met(cost.met))
    return table


def _met(met: bool | None) -> str:
    return "" if met is None else "yes" if met else "NO"


def _conditions(candidate: Candidate, turns: Sequence[Turn]) -> str:
    last = turns[-1]
    events = len(last.milliseconds)
    backends, sender = median(turn.backends_share for turn in turns), median(turn.sender_share for turn in turns)
    return (
        f"{candidate.name}: every event was answered 200 and written once; {events / last.calls:.1f} writes per call, "
        f"{last.spans / events:.2f} spans per event exported; the backends used {backends:.0%} of a core, "
        f"the sender {sender:.0%}"
    )


def _profile(bench: Bench, file: Path) -> int:
    with bench.serving(OURS) as server:
        unrecorded_us = server.turn().cpu_us
        with cpu_profile.recording(server.process_id, file):
            server.turn()
    packages, functions = cpu_profile.shares(file.read_text())
    console.print(
        f"{unrecorded_us:.0f} µs CPU per event before the recording; {packages.total()} samples of "
        f"{bench.workload.events} events"
    )
    for title, samples in (("package", packages), ("function", functions)):
        console.print(_share_table(title, samples, unrecorded_us))
    return 0


def _share_table(title: str, samples: Counter[str], cpu_us: float) -> Table:
    table = Table(title, "share", "µs per event")
    for name, count in samples.most_common(TOP):
        share = count / samples.total()
        table.add_row(name, f"{share:.1%}", f"{share * cpu_us:.1f}")
    return table


if __name__ == "__main__":
    raise SystemExit(main())
