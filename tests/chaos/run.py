"""`make chaos`: real processes, real trouble; fails unless the table says at the end what Stripe says."""

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[2]))

from lea_demo.dynamodb_local import DynamoDBLocal
from tests.chaos.runs import RUNS, Run
from tests.chaos.scene import Scene, Verdict
from tests.chaos.stage import Stalled
from tests.support.ports import free_port

LONG, SHORT = 20_000, 2_000
SHOWN_FINDINGS = 10
COLUMNS = ("events", "sent", "2xx", "applied", "duplicates", "stale", "repaired", "lost", "wrong")
console = Console(highlight=False, width=None if sys.stdout.isatty() else 140)


def main() -> int:
    """Plays the runs; 0 when nothing is lost and nothing wrong."""
    options = _options()
    chosen = [run for run in RUNS if not options.run or run.key in options.run]
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    verdicts: list[tuple[Run, Verdict | None]] = []
    with DynamoDBLocal(free_port(), None) as dynamodb:
        for run in chosen:
            events = round(options.events * run.share)
            scene = Scene(folder / run.key, free_port, dynamodb.endpoint, events, options.seed)
            verdicts.append((run, _play(run, scene)))
    console.print(_table(verdicts))
    if failed := [run.key for run, verdict in verdicts if verdict is None or verdict.failed]:
        console.print(f"✗ run {', '.join(failed)}: see above; the logs are in {folder}", style="red", markup=False)
        return 1
    shutil.rmtree(folder)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Break things under load, and compare the table with Stripe's truth.")
    parser.add_argument("--events", type=int, default=LONG, help="in all runs together (%(default)s)")
    parser.add_argument("--short", dest="events", action="store_const", const=SHORT, help=f"--events {SHORT}")
    parser.add_argument("--run", action="append", choices=[run.key for run in RUNS], help="only this one; repeatable")
    parser.add_argument("--seed", type=int, default=1, help="of the customers and the faults (%(default)s)")
    return parser.parse_args()


def _play(run: Run, scene: Scene) -> Verdict | None:
    started = time.monotonic()
    try:
        verdict = asyncio.run(run.play(scene))
    except Stalled as stalled:
        console.print(f"✗ {run.key} {run.title}: {stalled}; the logs are in {scene.folder}", style="red", markup=False)
        return None
    seconds = time.monotonic() - started
    console.print(f"{run.key} {run.title}, {seconds:.0f} s: {'; '.join(verdict.notes)}", markup=False)
    for problem in [*verdict.problems, *map(str, verdict.findings[:SHOWN_FINDINGS])]:
        console.print(f"✗ {problem}", style="red", markup=False, soft_wrap=True)
    if (more := len(verdict.findings) - SHOWN_FINDINGS) > 0:
        console.print(f"✗ … and {more} more payments", style="red", markup=False)
    return verdict


def _table(verdicts: Sequence[tuple[Run, Verdict | None]]) -> Table:
    table = Table("run", *COLUMNS)
    totals = [0] * len(COLUMNS)
    for run, verdict in verdicts:
        name = f"{run.key}. {run.title}"
        if verdict is None:
            table.add_row(name, "came to no end")
            continue
        numbers = verdict.numbers()
        totals = [total + number for total, number in zip(totals, numbers, strict=True)]
        table.add_row(name, *(f"{number:,}" for number in numbers))
    table.add_section()
    table.add_row("all", *(f"{number:,}" for number in totals))
    return table


if __name__ == "__main__":
    raise SystemExit(main())
