"""Starts emulators as processes, and receivers of their webhooks."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.integration.emulator.receiver import SECRET, Receiver, serve
from tests.support.emulator import EmulatorClient
from tests.support.processes import start_process

Start = Callable[..., EmulatorClient]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with serve(Receiver()) as one:
        yield one


@pytest.fixture
def start(receiver: Receiver, free_port: Callable[[], int], tmp_path: Path) -> Iterator[Start]:
    """Return a function that starts an emulator with further environment variables."""
    with ExitStack() as stack:

        def run(**environment: str) -> EmulatorClient:
            defaults = {
                "EMULATOR_WEBHOOK_URL": receiver.url,
                "EMULATOR_WEBHOOK_SECRET": SECRET,
                "EMULATOR_RETRY_BASE_SECONDS": "0.05",
            }
            return stack.enter_context(_running(tmp_path, free_port(), defaults | environment))

        yield run


@pytest.fixture(scope="session")
def _shared(free_port: Callable[[], int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorClient]:
    folder = tmp_path_factory.mktemp("emulator")
    with _running(folder, free_port(), {"EMULATOR_RETRY_BASE_SECONDS": "0.05"}) as one:
        yield one


@pytest.fixture
def emulator(_shared: EmulatorClient, receiver: Receiver) -> EmulatorClient:
    """Return the emulator that all tests share, empty except for an endpoint for this test's receiver."""
    _shared.http.post("/_reset").raise_for_status()
    endpoint = _shared.stripe.v1.webhook_endpoints.create({"url": receiver.url, "enabled_events": ["*"]})
    receiver.secret = endpoint.secret or ""
    return _shared


@contextmanager
def _running(folder: Path, port: int, environment: dict[str, str]) -> Iterator[EmulatorClient]:
    url = f"http://127.0.0.1:{port}"
    emulator = start_process(
        [sys.executable, "-m", "stripe_emulator"],
        url=url,
        ready_at="/health",
        log=folder / f"emulator-{port}.log",
        folder=folder,
        env={"HOST": "127.0.0.1", "PORT": str(port), "LOG_LEVEL": "warning"} | environment,
        fork=True,
    )
    try:
        with EmulatorClient(url) as client:
            yield client
    finally:
        emulator.stop()
