"""Tests what happens by itself at a later time."""

from collections.abc import Callable
from typing import Any

from stripe_emulator.payments import refunds, schedule
from stripe_emulator.state.account import Account

Json = dict[str, Any]


def test_sessions_and_refunds_end_when_they_are_due(
    account: Account, session: Json, paid_intent: Callable[[str], Json]
) -> None:
    charge = account.store.get("charge", paid_intent("pendingRefund")["latest_charge"])
    refund = refunds.create(account, charge, None, None, {})
    schedule.run_due(account)
    before = (session["status"], refund["status"])
    account.clock.ahead += 24 * 3600
    schedule.run_due(account)

    assert before == ("open", "pending")
    assert (session["status"], refund["status"]) == ("expired", "succeeded")
