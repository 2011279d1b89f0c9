"""Runs `make attack`: attacks real processes beside good events, and fails unless every limit holds."""

import argparse
import json
import resource
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
from tests.attack.attack import Attack, AttackResult
from tests.attack.attacks import ATTACKS
from tests.attack.context import AttackContext
from tests.attack.results import COLUMNS, cells, record_of
from tests.support.ports import free_port

LONG_SECONDS, SHORT_SECONDS = 15.0, 2.0
MACHINE = "two busy cores"
console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)


def main() -> int:
    """Executes the attacks and returns the exit status: 0 if every limit holds."""
    options = _options()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # the attackers open more connections than a service
    chosen = [attack for attack in ATTACKS if not options.only or attack.name in options.only]
    folder = Path(tempfile.mkdtemp(prefix="attack-"))
    started = time.monotonic()
    with (
        DynamoDBLocal(free_port(), None) as dynamodb,
        AttackContext(
            folder, free_port, dynamodb, seconds=options.seconds, is_short=options.seconds <= SHORT_SECONDS
        ) as context,
    ):
        results = [_execute(context, attack) for attack in (QUIET, *chosen)]
    console.print(_table(results))
    for skipped in [skipped for result in results for skipped in result.skipped]:
        console.print(f"skipped {skipped}", style="yellow", markup=False)
    if failed := [result.attack.name for result in results if result.problems]:
        console.print(f"✗ {', '.join(failed)}: see above; the logs are in {folder}", style="red", markup=False)
        return 1
    if options.record:
        options.record.write_text(json.dumps(record_of(results, MACHINE, time.monotonic() - started), indent=1) + "\n")
    shutil.rmtree(folder)
    return 0


def _quiet(context: AttackContext) -> str:
    time.sleep(max(3.0, context.seconds))
    return "good events only"


QUIET = Attack("no-attack", "", "good events only", "", _quiet)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Attack the services beside good events, and check every limit.")
    parser.add_argument(
        "--seconds", type=float, default=LONG_SECONDS, help="of an attack that has no own end (%(default)s)"
    )
    parser.add_argument(
        "--short", dest="seconds", action="store_const", const=SHORT_SECONDS, help=f"same as --seconds {SHORT_SECONDS}"
    )
    names = [attack.name for attack in ATTACKS]
    parser.add_argument(
        "--only", action="append", choices=names, metavar="NAME", help=f"repeatable: {', '.join(names)}"
    )
    parser.add_argument("--record", type=Path, help="writes the results to this file, for `make docs`")
    return parser.parse_args()


def _execute(context: AttackContext, attack: Attack) -> AttackResult:
    result = context.run(attack)
    good = result.measurement.good
    console.print(
        f"{attack.name}, {result.measurement.seconds:.0f} s: {result.observation}; "
        f"{len(good)} good events, the slowest {max(good, default=0):.2f} s",
        markup=False,
        soft_wrap=True,
    )
    for problem in result.problems:
        console.print(f"✗ {problem}", style="red", markup=False, soft_wrap=True)
    return result


def _table(results: Sequence[AttackResult]) -> Table:
    table = Table("attack", *COLUMNS, "result")
    for result in results:
        table.add_row(result.attack.name, *cells(result.measurement), "FAILED" if result.problems else "held")
    return table


if __name__ == "__main__":
    raise SystemExit(main())
