"""Runs `make upgrade`: version 0.1.0 and this version on one table, in random orders; prints figures and violations."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import subprocess

from lea_demo.dynamodb_local import DynamoDBLocal
from lea_payments.settings import TableSettings
from tests.support.ports import free_port
from tests.upgrade.rolling_update import Figures, RollingUpdate
from tests.upgrade.versions import NEW, OLD, ROOT, UpgradeError, Versions

TABLE = "upgrade"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the scenarios and returns the exit status: 0 if there is no violation."""
    options = _options(arguments)
    try:
        figures = run(options.old, options.orders, options.seed)
    except UpgradeError as error:
        print(f"✗ {error}", file=sys.stderr)
        return 1
    print(
        f"{figures.scenarios} scenarios, {figures.orders} orders ({figures.concurrent} with concurrent deliveries), "
        f"{figures.deliveries} deliveries, {figures.read_after_rollback} records read by {OLD} at the end, "
        f"{len(figures.violations)} violations (seed {options.seed})"
    )
    for violation in figures.violations:
        print(f"✗ {violation}")
    return 1 if figures.violations else 0


def run(old: Path, orders: int, seed: int) -> Figures:
    """Runs every scenario in so many random orders, on a DynamoDB Local of its own."""
    with (
        tempfile.TemporaryDirectory(prefix="upgrade-") as folder,
        DynamoDBLocal(free_port(), None, ROOT / ".data" / "dynamodb-local") as dynamodb,
    ):
        variables = {"DDB_ENDPOINT": dynamodb.endpoint, "DYNAMODB_PAYMENTS_TABLE": TABLE}
        settings = TableSettings.model_validate(variables)
        with Versions(old, settings, Path(folder)) as versions:
            for name in (OLD, NEW):
                command = [str(versions.versions[name].program), "init-table"]
                subprocess.run(command, env=versions.environment(), check=True, capture_output=True)
            return RollingUpdate(versions, seed).run(orders)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=f"Run version {OLD} and this version on one table.")
    parser.add_argument("--old", type=Path, required=True, help=f"folder of version {OLD}, after `make setup` there")
    parser.add_argument("--orders", type=int, default=12, help="random orders of each scenario (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the orders and the versions (%(default)s)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
