"""Tests one running emulator."""

from collections.abc import Callable
from typing import Any

import pytest

from stripe_emulator.emulator import Emulator, build
from stripe_emulator.faults.faults import ApiFault, InvalidFaultsError
from stripe_emulator.payments import refunds
from stripe_emulator.settings import Settings
from stripe_emulator.state.account import Account

Json = dict[str, Any]


async def no_send(_url: str, _headers: dict[str, str], _body: bytes) -> int:
    return 200


@pytest.fixture
def emulator() -> Emulator:
    return build(Settings(), no_send)


def test_a_new_account_is_empty(emulator: Emulator) -> None:
    assert not any(emulator.account.store.tables.values())


def test_the_endpoint_of_the_settings_receives_every_event() -> None:
    settings = Settings(webhook_url="http://merchant.test", webhook_secrets=("whsec_a", "whsec_b"))
    account = build(settings, no_send).account

    endpoint = account.subscribers({"type": "charge.failed"})[0]
    assert endpoint["url"] == "http://merchant.test"
    assert account.store.secrets[endpoint["id"]] == ("whsec_a", "whsec_b")


def test_faults_reach_deliveries_and_api_calls(emulator: Emulator) -> None:
    emulator.set_faults({"duplicate": 1, "api_error": {"status": 500, "times": 2}})

    assert emulator.deliverer.faults.duplicate == 1
    assert (emulator.gate.fault, emulator.gate.left) == (ApiFault(status=500, times=2), 2)


def test_invalid_faults_change_nothing(emulator: Emulator) -> None:
    emulator.set_faults({"duplicate": 1})

    with pytest.raises(InvalidFaultsError):
        emulator.set_faults({"duplicate": -1})

    assert emulator.requested_faults == {"duplicate": 1}
    assert emulator.deliverer.faults.duplicate == 1


def test_sessions_and_refunds_end_when_they_are_due(
    emulator: Emulator, account: Account, session: Json, paid_intent: Callable[[str], Json]
) -> None:
    emulator.account = account
    charge = account.store.get("charge", paid_intent("pendingRefund")["latest_charge"])
    refund = refunds.create(account, charge, None, None, {})
    emulator.run_due()
    before = (session["status"], refund["status"])
    account.clock.ahead += 24 * 3600
    emulator.run_due()

    assert before == ("open", "pending")
    assert (session["status"], refund["status"]) == ("expired", "succeeded")
