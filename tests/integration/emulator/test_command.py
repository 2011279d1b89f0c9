"""Runs the emulator's command as a process."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.integration.emulator.conftest import Start
from tests.integration.emulator.receiver import Receiver

COMMAND = [sys.executable, "-m", "stripe_emulator"]


def test_all_invalid_variables_are_reported_together() -> None:
    wrong = os.environ | {"PORT": "no", "EMULATOR_WEBHOOK_URL": "webhook"}
    result = subprocess.run(COMMAND, env=wrong, capture_output=True, text=True, check=False)

    assert result.returncode == 2
    assert "PORT=no" in result.stderr
    assert "EMULATOR_WEBHOOK_URL=webhook" in result.stderr


def test_a_busy_port_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        busy = os.environ | {"HOST": "127.0.0.1", "PORT": str(port)}
        result = subprocess.run(COMMAND, env=busy, capture_output=True, text=True, check=False)

    assert result.returncode == 2
    assert result.stderr == (
        f"stripe-emulator cannot start. port {port} is in use: stop the program there (`ss -ltnp` names it) or set PORT"
        " to another port\n"
    )


def test_an_unknown_host_is_one_sentence(free_port: Callable[[], int]) -> None:
    wrong = os.environ | {"HOST": "192.0.2.1", "PORT": str(free_port())}
    result = subprocess.run(COMMAND, env=wrong, capture_output=True, text=True, check=False)

    assert result.returncode == 2
    assert result.stderr.endswith("change HOST or PORT\n")
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_command_quietly(free_port: Callable[[], int], stop: signal.Signals) -> None:
    environment = os.environ | {"HOST": "127.0.0.1", "PORT": str(free_port())}
    with subprocess.Popen(COMMAND, env=environment, stderr=subprocess.PIPE, text=True) as emulator:
        assert emulator.stderr is not None
        started = next(line for line in emulator.stderr if "startup complete" in line)
        emulator.send_signal(stop)
        rest = emulator.stderr.read()

    assert started
    assert "Traceback" not in rest


def test_pay_links_begin_with_the_public_url(start: Start) -> None:
    emulator = start(EMULATOR_PUBLIC_URL="https://pay.test/")
    session = emulator.checkout()

    assert emulator.http.get("/health").json() == {"status": "ok"}
    assert session.url == f"https://pay.test/c/pay/{session.id}"


def test_several_secrets_sign_every_delivery(start: Start, receiver: Receiver) -> None:
    emulator = start(EMULATOR_WEBHOOK_SECRET="whsec_next,whsec_test_of_the_emulator")
    emulator.stripe.v1.customers.create({"name": "Tan Ah Kow"})

    received = receiver.first("customer.created")
    assert received.headers["Stripe-Signature"].count("v1=") == 2
    assert received.event.type == "customer.created"
