"""What every test may ask for: free ports, one real DynamoDB, and skips that cannot hide in CI."""

import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

from lea_demo.dynamodb_local import DynamoDBLocal
from tests.support import ports

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the folder of the project."""
    return ROOT


@pytest.fixture(scope="session")
def dynamodb_folder() -> Path:
    """Return where DynamoDB Local's jars are kept; `make demo` uses the same."""
    return ROOT / ".data" / "dynamodb-local"


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """Return a function that names a TCP port nobody listens on, a different one at each call."""
    return ports.free_port


@pytest.fixture(scope="session")
def dynamodb_endpoint(free_port: Callable[[], int], dynamodb_folder: Path) -> Iterator[str]:
    """Yield the address of a real DynamoDB, in memory, the same for the whole run: name your tables apart.

    TEST_DYNAMODB_ENDPOINT names a running one to use in its place.
    """
    if endpoint := os.environ.get("TEST_DYNAMODB_ENDPOINT"):
        yield endpoint
        return
    with DynamoDBLocal(free_port(), None, dynamodb_folder) as dynamodb:
        yield dynamodb.endpoint


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a skipped test has failed: what CI does not run, nobody knows to work."""
    report = yield
    if not hasattr(report, "wasxfail"):
        _fail_skipped_in_ci(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """As above, for a file that skips itself whole."""
    report = yield
    _fail_skipped_in_ci(report)
    return report


def _fail_skipped_in_ci(report: pytest.CollectReport | pytest.TestReport) -> None:
    if report.outcome == "skipped" and os.environ.get("CI") == "true":
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longreprtext
        report.outcome = "failed"
        report.longrepr = f"CI skips nothing. {reason}"
