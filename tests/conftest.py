"""Fixtures of all tests: free ports and one DynamoDB Local. In CI, a skipped test fails."""

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
    """Return the folder with the jars of DynamoDB Local, which `make demo` uses too."""
    return ROOT / ".data" / "dynamodb-local"


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """Return a function that finds a free TCP port, a different one at each call."""
    return ports.free_port


@pytest.fixture(scope="session")
def dynamodb_endpoint(free_port: Callable[[], int], dynamodb_folder: Path) -> Iterator[str]:
    """Yield the address of a DynamoDB Local that all tests share, so each test needs its own table name.

    If TEST_DYNAMODB_ENDPOINT is set, the tests use that one instead.
    """
    if endpoint := os.environ.get("TEST_DYNAMODB_ENDPOINT"):
        yield endpoint
        return
    with DynamoDBLocal(free_port(), None, dynamodb_folder) as dynamodb:
        yield dynamodb.endpoint


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a skipped test in CI, because CI must run everything."""
    report = yield
    if not hasattr(report, "wasxfail"):
        _fail_skipped_in_ci(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Fail a file that is skipped as a whole in CI."""
    report = yield
    _fail_skipped_in_ci(report)
    return report


def _fail_skipped_in_ci(report: pytest.CollectReport | pytest.TestReport) -> None:
    if report.outcome == "skipped" and os.environ.get("CI") == "true":
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longreprtext
        report.outcome = "failed"
        report.longrepr = f"A skipped test fails in CI. {reason}"
