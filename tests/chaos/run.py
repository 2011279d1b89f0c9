"""Runs `make chaos`: injects faults into real processes and fails unless the table agrees with Stripe at the end."""

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
from tests.chaos.context import RunContext, RunResult
from tests.chaos.notifications import run as notifications
from tests.chaos.runs import RUNS, Run
from tests.chaos.system import StalledError
from tests.support.ports import free_port

LONG, SHORT = 20_000, 2_000
SHOWN_MISMATCHES = 10
NOTIFICATIONS = "--notifications"
COLUMNS = ("events", "sent", "2xx", "applied", "duplicates", "stale", "repaired", "lost", "wrong")
console = Console(highlight=False, width=None if sys.stdout.isatty() else 140)


def main() -> int:
    """Executes the runs and returns the exit status: 0 if no payment is lost or wrong."""
    if NOTIFICATIONS in sys.argv:
        return notifications.main([argument for argument in sys.argv[1:] if argument != NOTIFICATIONS])
    options = _options()
    chosen = [run for run in RUNS if not options.run or run.key in options.run]
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    results: list[tuple[Run, RunResult | None]] = []
    with DynamoDBLocal(free_port(), None) as dynamodb:
        for run in chosen:
            events = round(options.events * run.share)
            context = RunContext(folder / run.key, free_port, dynamodb.endpoint, events, options.seed)
            results.append((run, _execute(run, context)))
    console.print(_table(results))
    if failed := [run.key for run, result in results if result is None or result.failed]:
        console.print(f"✗ run {', '.join(failed)}: see above; the logs are in {folder}", style="red", markup=False)
        return 1
    shutil.rmtree(folder)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Inject faults under load, and compare the table with Stripe.")
    parser.add_argument("--events", type=int, default=LONG, help="in all runs together (%(default)s)")
    parser.add_argument("--short", dest="events", action="store_const", const=SHORT, help=f"same as --events {SHORT}")
    parser.add_argument("--run", action="append", choices=[run.key for run in RUNS], help="only this one; repeatable")
    text = "the run of the notifications instead; see --notifications --help"
    parser.add_argument(NOTIFICATIONS, action="store_true", help=text)
    parser.add_argument("--seed", type=int, default=1, help="of the customers and the faults (%(default)s)")
    return parser.parse_args()


def _execute(run: Run, context: RunContext) -> RunResult | None:
    started = time.monotonic()
    try:
        result = asyncio.run(run.execute(context))
    except StalledError as error:
        console.print(f"✗ {run.key} {run.title}: {error}; the logs are in {context.folder}", style="red", markup=False)
        return None
    seconds = time.monotonic() - started
    console.print(f"{run.key} {run.title}, {seconds:.0f} s: {'; '.join(result.notes)}", markup=False)
    for problem in [*result.problems, *map(str, result.mismatches[:SHOWN_MISMATCHES])]:
        console.print(f"✗ {problem}", style="red", markup=False, soft_wrap=True)
    if (more := len(result.mismatches) - SHOWN_MISMATCHES) > 0:
        console.print(f"✗ … and {more} more payments", style="red", markup=False)
    return result


def _table(results: Sequence[tuple[Run, RunResult | None]]) -> Table:
    table = Table("run", *COLUMNS)
    totals = [0] * len(COLUMNS)
    for run, result in results:
        name = f"{run.key}. {run.title}"
        if result is None:
            table.add_row(name, "not finished")
            continue
        numbers = result.numbers()
        totals = [total + number for total, number in zip(totals, numbers, strict=True)]
        table.add_row(name, *(f"{number:,}" for number in numbers))
    table.add_section()
    table.add_row("all", *(f"{number:,}" for number in totals))
    return table


if __name__ == "__main__":
    raise SystemExit(main())
