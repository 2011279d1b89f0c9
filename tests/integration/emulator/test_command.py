"""The command itself."""

import os
import subprocess
import sys
from typing import Any

COMMAND = [sys.executable, "-m", "stripe_emulator"]


def test_help_names_the_environment() -> None:
    shown = subprocess.run([*COMMAND, "--help"], capture_output=True, text=True, check=True)

    assert "EMULATOR_WEBHOOK_URL" in shown.stdout


def test_a_wrong_environment_is_explained_at_once() -> None:
    wrong = os.environ | {"PORT": "no", "EMULATOR_WEBHOOK_URL": "webhook"}
    ended = subprocess.run(COMMAND, env=wrong, capture_output=True, text=True, check=False)

    assert ended.returncode == 2
    assert "PORT=no" in ended.stderr
    assert "EMULATOR_WEBHOOK_URL=webhook" in ended.stderr


def test_it_is_healthy_and_its_links_follow_its_public_address(start: Any) -> None:
    emulator = start(EMULATOR_PUBLIC_URL="https://pay.test/")
    session = emulator.checkout()

    assert emulator.http.get("/health").json() == {"status": "ok"}
    assert session.url == f"https://pay.test/c/pay/{session.id}"


def test_several_secrets_sign_every_delivery(start: Any, receiver: Any) -> None:
    emulator = start(EMULATOR_WEBHOOK_SECRET="whsec_next,whsec_test_of_the_emulator")
    emulator.stripe.v1.customers.create({"name": "Tan Ah Kow"})

    received = receiver.first("customer.created")
    assert received.headers["Stripe-Signature"].count("v1=") == 2
    assert received.event.type == "customer.created"
