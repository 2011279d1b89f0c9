"""A real emulator in a process of its own, and a real receiver of its webhooks."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest
import stripe

from tests.integration.emulator.client import KEY, EmulatorClient, Start
from tests.integration.emulator.receiver import PATIENCE, SECRET, Receiver, serve


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with serve(Receiver()) as one:
        yield one


@pytest.fixture
def start(receiver: Receiver, free_port: Callable[[], int]) -> Iterator[Start]:
    """Return a function that starts an emulator with further environment variables."""
    with ExitStack() as stack:

        def run(**environment: str) -> EmulatorClient:
            defaults = {
                "EMULATOR_WEBHOOK_URL": receiver.url,
                "EMULATOR_WEBHOOK_SECRET": SECRET,
                "EMULATOR_RETRY_BASE_SECONDS": "0.05",
            }
            return stack.enter_context(_running(free_port(), defaults | environment))

        yield run


@pytest.fixture(scope="session")
def _shared(free_port: Callable[[], int]) -> Iterator[EmulatorClient]:
    with _running(free_port(), {"EMULATOR_RETRY_BASE_SECONDS": "0.05"}) as one:
        yield one


@pytest.fixture
def emulator(_shared: EmulatorClient, receiver: Receiver) -> EmulatorClient:
    """Return the emulator that all tests share, empty except for an endpoint for this test's receiver."""
    _shared.http.post("/_reset").raise_for_status()
    endpoint = _shared.stripe.v1.webhook_endpoints.create({"url": receiver.url, "enabled_events": ["*"]})
    receiver.secret = endpoint.secret or ""
    return _shared


@contextmanager
def _running(port: int, environment: dict[str, str]) -> Iterator[EmulatorClient]:
    address = {"HOST": "127.0.0.1", "PORT": str(port), "LOG_LEVEL": "warning"}
    process = subprocess.Popen([sys.executable, "-m", "stripe_emulator"], env=os.environ | address | environment)
    url = f"http://127.0.0.1:{port}"
    with httpx.Client(base_url=url, timeout=PATIENCE, trust_env=False) as http:
        client = EmulatorClient(url, http, stripe.StripeClient(KEY, base_addresses={"api": url}, max_network_retries=0))
        try:
            _wait_until_up(process, client)
            yield client
        finally:
            process.terminate()
            process.wait(PATIENCE)


def _wait_until_up(process: subprocess.Popen[bytes], client: EmulatorClient) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        assert process.poll() is None, "the emulator ended instead of starting"
        try:
            client.http.get("/health").raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.02)
        else:
            return
    pytest.fail("the emulator did not start")
