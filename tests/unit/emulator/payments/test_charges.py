"""Tests charges and their events."""

from collections.abc import Callable
from typing import Any

import pytest

from stripe_emulator.payments import charges, methods
from stripe_emulator.reference import cards
from stripe_emulator.reference.cards import Result, Settlement
from stripe_emulator.state.account import Account

Json = dict[str, Any]


def processing(account: Account, result: Result) -> Json:
    intent = charges.new_intent(account, 12000, "sgd", payment_method_types=["sepa_debit"])
    bank = cards.bank_debit("sepa_debit", Settlement(result, 60))
    charges.attempt(account, intent, methods.create(account, bank))
    return intent


def test_a_charge_copies_the_fields_of_its_intent(account: Account, event_log: Any) -> None:
    fields = {"description": "Policy", "metadata": {"a": "b"}, "receipt_email": "customer@example.test"}
    intent = charges.new_intent(account, 12000, "sgd", payment_method_types=["card"], **fields)
    charges.attempt(account, intent, methods.create(account, cards.CARDS["visa"]))

    charge = event_log.last("charge.succeeded")
    assert {name: charge[name] for name in fields} == fields
    assert (charge["amount_captured"], charge["paid"], intent["amount_received"]) == (12000, True, 12000)


def test_a_decline_keeps_the_intent_retryable(
    account: Account, paid_intent: Callable[[str], Json], event_log: Any
) -> None:
    intent = paid_intent("chargeDeclinedExpiredCard")

    assert intent["status"] in charges.RETRYABLE
    assert (intent["payment_method"], intent["amount_received"]) == (None, 0)
    charge = account.store.get("charge", intent["latest_charge"])
    assert (charge["status"], charge["failure_code"], charge["captured"]) == ("failed", "expired_card", False)
    assert event_log.types == ["payment_intent.created", "charge.failed", "payment_intent.payment_failed"]


def test_a_delayed_charge_is_pending(account: Account, event_log: Any) -> None:
    intent = processing(account, "succeeded")

    assert intent["status"] == "processing"
    assert event_log.types[1:] == ["payment_intent.processing", "charge.pending"]
    assert account.store.settlements[intent["id"]].at == account.now() + 60


@pytest.mark.parametrize(
    ("result", "status", "last"),
    [
        ("succeeded", "succeeded", "payment_intent.succeeded"),
        ("failed", "requires_payment_method", "payment_intent.payment_failed"),
    ],
)
def test_a_delayed_charge_settles(account: Account, event_log: Any, result: Result, status: str, last: str) -> None:
    intent = processing(account, result)
    charges.settle(account, intent, result)

    assert (intent["status"], event_log.types[-1]) == (status, last)
    assert account.store.settlements == {}


def test_a_cancelled_intent_names_its_reason(account: Account, event_log: Any) -> None:
    intent = charges.new_intent(account, 12000, "sgd")
    charges.cancel(account, intent, "abandoned")

    canceled = event_log.last("payment_intent.canceled")
    assert (canceled["status"], canceled["cancellation_reason"]) == ("canceled", "abandoned")
    assert canceled["canceled_at"] == account.now()
