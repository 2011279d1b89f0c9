"""Runs `make bench`: measures our webhook beside a floor, a plain webhook and stripe-sync-engine, in turns."""

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.bench import comparison, cpu_profile
from tests.bench.candidates import ALL, BASELINE, FLOOR, NOTIFYING, OFF, OURS, PEER, PLAIN, Candidate
from tests.bench.limits import CONNECTIONS
from tests.bench.measure import Backend, Bench, Workload
from tests.bench.processes import BenchError
from tests.bench.published import record
from tests.bench.servers import sync_engine

EVENTS, PROFILE_EVENTS = 2_000, 20_000
TOP = 20
console = Console(highlight=False, width=None if sys.stdout.isatty() else 190)


def main() -> int:
    """Runs the benchmark and returns its exit status: 0 if every limit is met."""
    options = _options()
    started = time.monotonic()
    events = options.events or (PROFILE_EVENTS if options.profile else EVENTS)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        bench = Bench(Path(folder), Workload(events))
        try:
            with bench.running():
                if options.profile:
                    return _profile(bench, Path(folder) / "profile.txt")
                measured = _measure(bench, options, Path(folder))
                met = comparison.show(measured, console)
                if options.publish:
                    met = record.publish(bench, measured, started, console) and met
        except BenchError as error:
            console.print(f"✗ {error}", style="red", markup=False, soft_wrap=True)
            return 1
    console.print(f"The run took {time.monotonic() - started:.0f} s.")
    return 0 if met else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure our webhook beside other servers, in turns.")
    parser.add_argument("--events", type=int, help=f"per turn ({EVENTS}; with --profile {PROFILE_EVENTS})")
    parser.add_argument("--turns", type=int, default=3, help="of each server after a start (%(default)s)")
    parser.add_argument("--starts", type=int, default=3, help="of all servers (%(default)s)")
    text = f"that send at the same time, one number or more ({' '.join(map(str, CONNECTIONS))})"
    parser.add_argument("--connections", type=int, nargs="+", default=CONNECTIONS, help=text)
    text = "also measure the webhook of this checkout, with its own .venv"
    parser.add_argument("--baseline", type=_baseline, metavar="DIR", help=text)
    text = "measure ours with and without notifications, in pairs"
    parser.add_argument("--notifications", action="store_true", help=text)
    text = "measure more, and write docs/reference/performance.md; needs Node.js and PostgreSQL, takes ten minutes"
    parser.add_argument("--publish", action="store_true", help=text)
    parser.add_argument("--profile", action="store_true", help="measure ours alone and show where its CPU time goes")
    return parser.parse_args()


def _baseline(folder: str) -> str:
    command = Path(folder).resolve() / ".venv/bin/lea-payments"
    if not command.exists():
        raise argparse.ArgumentTypeError(f"{command} does not exist: run `make setup` in {folder} first")
    return str(command)


def _measure(bench: Bench, options: argparse.Namespace, folder: Path) -> comparison.Measured:
    repeats = (options.starts, options.turns)
    if options.notifications:
        pair: dict[Candidate, Backend | None] = {NOTIFYING: None, OURS: None}
        return comparison.take_turns(bench, pair, options.connections, repeats, console)
    # Those that are compared run next to each other, so that they meet the same conditions.
    near: list[Candidate] = [FLOOR, OURS, OFF, ALL]
    if options.baseline:
        near.insert(1, BASELINE._replace(command=(options.baseline, "webhook")))
    with _peer(folder, is_required=options.publish) as peer:
        candidates = {PLAIN: None, **peer, **dict.fromkeys(near)}
        return comparison.take_turns(bench, candidates, options.connections, repeats, console)


@contextmanager
def _peer(folder: Path, *, is_required: bool) -> Iterator[dict[Candidate, Backend]]:
    """stripe-sync-engine, if it can run here or is required."""
    try:
        command = sync_engine.command()
    except sync_engine.MissingError as error:
        if is_required:
            raise BenchError(f"--publish needs {PEER.name}: {error}") from None
        console.print(f"{PEER.name} is skipped: {error}", soft_wrap=True)
        yield {}
        return
    with sync_engine.postgres(folder) as postgres:
        yield {PEER._replace(command=command, env=(("DATABASE_URL", postgres.url),)): postgres}


def _profile(bench: Bench, file: Path) -> int:
    with bench.serving(OURS) as server:
        unrecorded_us = server.turn(CONNECTIONS[-1]).cpu_us
        with cpu_profile.recording(server.process_id, file):
            server.turn(CONNECTIONS[-1])
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
