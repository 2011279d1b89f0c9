"""Fixtures of the integration tests: services as processes, a table for each file, an emulator and a browser."""

from collections.abc import AsyncIterator, Callable, Iterator
from uuid import uuid4

import pytest
from playwright.sync_api import Browser

from lea_payments.settings import TableSettings
from lea_payments.store.payments import PaymentStore
from tests.support import browser, tables
from tests.support import dynamodb_faults as faults
from tests.support.emulator import EmulatorClient
from tests.support.faulty_dynamodb import FaultyDynamoDB
from tests.support.otlp_sink import OtlpSink
from tests.support.processes import Process
from tests.support.records import Records
from tests.support.services import Services
from tests.support.simulation import Simulation, simulate


@pytest.fixture(scope="module")
def table_settings(dynamodb_endpoint: str) -> Iterator[TableSettings]:
    """Yield the settings of a new table, one for each file."""
    variables = {"DDB_ENDPOINT": dynamodb_endpoint, "DYNAMODB_PAYMENTS_TABLE": f"test-{uuid4()}"}
    settings = TableSettings.model_validate(variables)
    client = tables.client(settings)
    tables.create(client, settings)
    yield settings
    client.delete_table(TableName=settings.table)
    client.close()


@pytest.fixture(scope="module")
def start(
    tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int], table_settings: TableSettings
) -> Iterator[Callable[..., Process]]:
    """Yield `start(name, *, ready_at=None, **env) -> Process`, which starts a service on this file's table.

    A service gets no `.env` and no variables of the developer. It listens on a free port unless PORT is set, and stops
    after the last test of the file.
    """
    defaults = {"DDB_ENDPOINT": table_settings.ddb_endpoint, "DYNAMODB_PAYMENTS_TABLE": table_settings.table}
    with Services(tmp_path_factory.mktemp("services"), free_port, defaults, fork=True) as services:
        yield services.start


@pytest.fixture(scope="module")
def start_service(start: Callable[..., Process]) -> Callable[..., str]:
    """Return `start_service(name, *, ready_at=None, **env) -> base_url`, for tests that only need the URL."""
    return lambda name, **options: start(name, **options).url


@pytest.fixture(scope="module")
def account(start: Callable[..., Process]) -> Iterator[EmulatorClient]:
    """Yield a client of an emulator, one for each file, without webhook endpoints."""
    with EmulatorClient(start("stripe-emulator").url) as client:
        yield client


@pytest.fixture(scope="module")
def records(table_settings: TableSettings) -> Iterator[Records]:
    """Yield the payments of this file's table."""
    records = Records(table_settings)
    yield records
    records.close()


@pytest.fixture(scope="module")
def proxy(dynamodb_endpoint: str, free_port: Callable[[], int]) -> Iterator[FaultyDynamoDB]:
    """Yield a proxy in front of DynamoDB, one for each file, for services that start once."""
    with FaultyDynamoDB(dynamodb_endpoint, free_port()) as proxy:
        yield proxy


@pytest.fixture
def dynamodb(proxy: FaultyDynamoDB) -> Iterator[FaultyDynamoDB]:
    """Yield the file's proxy, in which the test can inject faults. It is healthy before and after."""
    proxy.calls.clear()
    yield proxy
    proxy.fault = faults.healthy


@pytest.fixture
async def store(table_settings: TableSettings) -> AsyncIterator[PaymentStore]:
    """Yield a store on this file's table, which waits for a database that a busy machine delays."""
    async with PaymentStore(
        table_settings, deadline_seconds=tables.WAIT_SECONDS, call_seconds=tables.WAIT_SECONDS
    ) as store:
        yield store


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Yield a Chromium; `chromium.new_page(locale="ta-SG")` is a new customer.

    A file that uses it cannot have `async` tests, because Playwright runs its own event loop.
    """
    program = browser.find_program()
    if program is None:
        pytest.skip(browser.INSTALL_HINT)
    with browser.open_browser(program) as chromium:
        yield chromium


@pytest.fixture(scope="module")
def sink(free_port: Callable[[], int]) -> Iterator[OtlpSink]:
    """Yield a collector of traces for the tests of a file."""
    with OtlpSink(free_port()) as sink:
        yield sink


@pytest.fixture(scope="module")
def simulation(
    tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int], dynamodb_endpoint: str, sink: OtlpSink
) -> Iterator[Simulation]:
    """Yield all services in one system, which export their traces to that collector."""
    with simulate(tmp_path_factory.mktemp("simulation"), free_port, dynamodb_endpoint, sink) as simulation:
        yield simulation
