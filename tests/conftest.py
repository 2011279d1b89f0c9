"""Fixtures of all tests: free ports and one DynamoDB Local, also for several processes. In CI, a skipped test fails."""

import gc
import os
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from xdist.workermanage import WorkerController

from lea_demo.dynamodb_local import DynamoDBLocal
from tests.support import parallel, ports
from tests.support.examples import ALL_EXAMPLES, examples
from tests.support.left_out import in_ci

ROOT = Path(__file__).parents[1]
DYNAMODB_FOLDER = ROOT / ".data" / "dynamodb-local"
DYNAMODB = pytest.StashKey[parallel.SharedDynamoDB]()
ENDPOINT = "TEST_DYNAMODB_ENDPOINT"
"""The variable with the address of a DynamoDB to use instead of starting one."""


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the folder of the project."""
    return ROOT


@pytest.fixture(scope="session")
def dynamodb_folder() -> Path:
    """Return the folder with the jars of DynamoDB Local, which `make demo` uses too."""
    return DYNAMODB_FOLDER


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """Return a function that finds a free TCP port, a different one at each call."""
    return ports.free_port


@pytest.fixture(scope="session")
def dynamodb_endpoint(
    request: pytest.FixtureRequest, free_port: Callable[[], int], dynamodb_folder: Path
) -> Iterator[str]:
    """Yield the address of a DynamoDB Local that all tests share, so each test needs its own table name.

    If TEST_DYNAMODB_ENDPOINT is set, the tests use that one instead.
    """
    shared = getattr(request.config, "workerinput", {}).get(ENDPOINT)
    if endpoint := os.environ.get(ENDPOINT) or shared:
        yield endpoint
        return
    with DynamoDBLocal(free_port(), None, dynamodb_folder) as dynamodb:
        yield dynamodb.endpoint


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option for all examples."""
    parser.addoption("--all", action="store_true", help="try all examples, as in CI; without it each test tries fewer")


def pytest_configure(config: pytest.Config) -> None:
    """Choose the number of examples, and prepare the database that the processes of a run share."""
    if config.getoption("--all"):
        os.environ[ALL_EXAMPLES] = "1"
    # How long an example takes depends on the machine.
    hypothesis.settings.register_profile(
        "any machine",
        max_examples=examples(15, 100),
        deadline=None,
        suppress_health_check=[hypothesis.HealthCheck.too_slow],
    )
    hypothesis.settings.load_profile("any machine")
    # Helm's library and Prometheus collect garbage for a third of their time otherwise. They read it at their start.
    os.environ.setdefault("GOGC", "400")
    config.stash[DYNAMODB] = parallel.SharedDynamoDB(DYNAMODB_FOLDER)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop that database."""
    config.stash[DYNAMODB].stop()


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return the number of processes for `-n auto`."""
    return parallel.number_of_processes(only_unit_tests=parallel.only_unit_tests(config))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> parallel.Scheduler:
    """Give each process whole files."""
    return parallel.Scheduler(config, log)


def pytest_xdist_setupnodes(config: pytest.Config) -> None:
    """Start the fork server that the processes share, which unit tests do not need."""
    if not parallel.only_unit_tests(config):
        parallel.share_fork_server()


def pytest_configure_node(node: WorkerController) -> None:
    """Give a process the address of the shared database, which unit tests do not need."""
    if not parallel.only_unit_tests(node.config) and ENDPOINT not in os.environ:
        node.workerinput[ENDPOINT] = node.config.stash[DYNAMODB].endpoint()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with the tests that take longest, in the same order in all processes."""
    parallel.slowest_first(items)


def pytest_collection_finish() -> None:
    """Take what the collection has left out of the garbage collector's work, which is a tenth of the time otherwise."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a skipped test in CI, because CI must run everything."""
    report = yield
    if not hasattr(report, "wasxfail"):
        _fail_skipped_in_ci(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect tests without the garbage collector, which takes a fifth of that time and frees next to nothing."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Fail a file that is skipped as a whole in CI; begin with another file of a folder in each process."""
    report = yield
    _fail_skipped_in_ci(report)
    if isinstance(collector, pytest.Directory) and report.result:
        report.result = parallel.from_our_share(report.result)
    return report


def _fail_skipped_in_ci(report: pytest.CollectReport | pytest.TestReport) -> None:
    if report.outcome == "skipped" and in_ci():
        report.outcome = "failed"
        report.longrepr = f"A skipped test fails in CI. {_reason(report)}"


def _reason(report: pytest.CollectReport | pytest.TestReport) -> str:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longreprtext
    return reason.removeprefix("Skipped: ")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print one line for each reason to skip tests, which is a missing program."""
    for reason, number in Counter(map(_reason, terminalreporter.stats.get("skipped", []))).items():
        terminalreporter.write_line(f"SKIPPED {number} {'test' if number == 1 else 'tests'}: {reason}", yellow=True)
