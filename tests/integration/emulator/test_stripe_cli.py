"""Runs `stripe trigger` of the official Stripe CLI against the emulator, and checks the signed events."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.emulator.receiver import Receiver
from tests.support.emulator import EmulatorClient

VERSION = "1.52.0"
pytestmark = pytest.mark.stripe_cli
Trigger = Callable[[str], subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def stripe_cli(root: Path) -> Path:
    """The CLI of the pinned version, installed once into a folder that git ignores."""
    npm, folder = shutil.which("npm"), root / ".data" / "stripe-cli"
    if npm is None or shutil.which("node") is None:
        pytest.skip("the official Stripe CLI comes with npm and node, and they are not installed")
    command = folder / "node_modules" / ".bin" / "stripe"
    if not command.exists() or VERSION not in _run([command, "version"], folder).stdout:
        folder.mkdir(parents=True, exist_ok=True)
        _run([npm, "install", "--no-save", "--prefix", folder, f"@stripe/cli@{VERSION}"], folder).check_returncode()
    return command


@pytest.fixture
def trigger(stripe_cli: Path, emulator: EmulatorClient, tmp_path: Path) -> Trigger:
    def run(event_type: str) -> subprocess.CompletedProcess[str]:
        where = ["--api-base", emulator.url, "--api-key", "sk_test_emulator123456"]
        return _run([stripe_cli, "trigger", event_type, *where], tmp_path)

    return run


@pytest.mark.parametrize(
    "event_type",
    [
        "checkout.session.completed",
        "checkout.session.expired",
        "checkout.session.async_payment_succeeded",
        "checkout.session.async_payment_failed",
        "payment_intent.created",
        "payment_intent.succeeded",
        "payment_intent.payment_failed",
        "payment_intent.canceled",
        "charge.succeeded",
        "charge.failed",
        "charge.refunded",
        "charge.refund.updated",
        "charge.dispute.created",
        "charge.dispute.updated",
        "charge.dispute.closed",
    ],
)
def test_a_triggered_event_arrives_signed(trigger: Trigger, receiver: Receiver, event_type: str) -> None:
    result = trigger(event_type)

    assert result.returncode == 0, result.stdout + result.stderr
    assert receiver.first(event_type).event.type == event_type


@pytest.mark.parametrize("chosen", [False, True], ids=["to all endpoints", "to one endpoint"])
def test_the_cli_resends_an_event(
    stripe_cli: Path, trigger: Trigger, emulator: EmulatorClient, receiver: Receiver, tmp_path: Path, *, chosen: bool
) -> None:
    trigger("customer.created").check_returncode()
    first = receiver.first("customer.created")
    endpoint = emulator.stripe.v1.webhook_endpoints.list().data[0].id
    where = ["--api-base", emulator.url, "--api-key", "sk_test_emulator123456"]
    only = ["--webhook-endpoint", endpoint] if chosen else []
    _run([stripe_cli, "events", "resend", first.event.id, *only, *where], tmp_path).check_returncode()

    received = receiver.wait(lambda requests: len(requests) >= 2)
    assert received[-1].body == first.body


def _run(command: list[str | Path], home: Path) -> subprocess.CompletedProcess[str]:
    quiet = {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
        "STRIPE_CLI_TELEMETRY_OPTOUT": "1",
        "NO_PROXY": "127.0.0.1",
    }
    return subprocess.run(
        [str(part) for part in command],
        env=os.environ | quiet,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
