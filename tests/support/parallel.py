"""Runs the tests in several processes: what stays in one process, what starts first, and what they share."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from lea_demo.dynamodb_local import DynamoDBLocal
from tests.support import forked
from tests.support.ports import free_port

FOLDERS = ("tests/monitoring/", "tests/chart/")
"""Folders whose files share something expensive, so that one process runs all of them: services, or rendered charts."""

_FIRST = (
    "show odd_responses secret_rotation notifier replay tests/monitoring/ browser_pages demo reconciler webhook_faults"
    " install lost_telemetry delivery_deadline tests/chart/ hostile_senders webhook_telemetry waiting_calls canaries"
    " reconciler_failures event_orders checkout_api"
)
FIRST = tuple(name if name.endswith("/") else f"tests/integration/test_{name}.py" for name in _FIRST.split())
"""What takes longest, so that no process starts it when the others have nothing left to do. The five files that wait
most come before the others: the unit tests use the CPU meanwhile."""


STACK = "stack"
"""The fixture with a running Prometheus. Tests without it come before it, because it takes a quarter of a core."""


def number_of_processes(*, only_unit_tests: bool) -> int:
    """The number of processes for `-n auto`: one for each core, and two on one core.

    Unless all are unit tests, there are three times as many, because the others often wait: for deadlines and
    for other processes. On two cores, six left 5 % of the CPU's time unused, and five 10 %.
    """
    cores = max(2, os.cpu_count() or 1)
    return cores if only_unit_tests else 3 * cores


def only_unit_tests(config: pytest.Config) -> bool:
    """Whether all selected tests are unit tests."""
    return all("tests/unit" in argument for argument in config.args)


class Scheduler(LoadScopeScheduling):  # type: ignore[misc]  # it ships no types
    """Gives a process all tests of a file, or of a folder, because they share fixtures."""

    def __init__(self, config: pytest.Config, log: Any) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        folders = [folder for folder in FOLDERS if nodeid.startswith(folder)]
        return folders[0] if folders else nodeid.partition("::")[0]


def from_our_share(collected: Sequence[pytest.Item | pytest.Collector]) -> list[pytest.Item | pytest.Collector]:
    """Returns the same, from another place in each of the processes.

    All of them read all test files. In a new clone they would compile each file at the same time; so they compile
    different ones, and find the others compiled.
    """
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    start = len(collected) * number // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    return [*collected[start:], *collected[:start]]


def slowest_first(items: list[pytest.Item]) -> None:
    """Sorts the tests in place: what takes longest comes first, then by their paths; in a file the order stays."""
    items.sort(key=lambda item: (_rank(item.nodeid), STACK in getattr(item, "fixturenames", ()), item.path))


def _rank(nodeid: str) -> int:
    return next((at for at, start in enumerate(FIRST) if nodeid.startswith(start)), len(FIRST))


def share_fork_server() -> None:
    """Starts one for all processes of a run, which inherit its name. Its imports take two seconds of a core."""
    if sys.platform == "linux":
        os.environ[forked.SHARED] = forked.shared().name


class SharedDynamoDB:
    """One DynamoDB Local for all processes of a run; the process that controls the others starts and stops it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server: DynamoDBLocal | None = None

    def endpoint(self) -> str:
        """The address. Starts the server at the first call; raises DynamoDBLocalError."""
        if self._server is None:
            server = DynamoDBLocal(free_port(), None, self._folder)
            server.start()
            self._server = server
        return self._server.endpoint

    def stop(self) -> None:
        """Stops the server. Harmless if it does not run."""
        if self._server is not None:
            self._server.stop()
