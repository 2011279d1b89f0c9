"""Runs the emulator's command as a process."""

import os
import subprocess
import sys

from tests.integration.emulator.conftest import Start
from tests.integration.emulator.receiver import Receiver

COMMAND = [sys.executable, "-m", "stripe_emulator"]


def test_all_invalid_variables_are_reported_together() -> None:
    wrong = os.environ | {"PORT": "no", "EMULATOR_WEBHOOK_URL": "webhook"}
    result = subprocess.run(COMMAND, env=wrong, capture_output=True, text=True, check=False)

    assert result.returncode == 2
    assert "PORT=no" in result.stderr
    assert "EMULATOR_WEBHOOK_URL=webhook" in result.stderr


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
