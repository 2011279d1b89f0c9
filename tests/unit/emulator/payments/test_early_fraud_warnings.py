"""Tests early fraud warnings and when they are actionable."""

from collections.abc import Callable
from typing import Any

import pytest

from stripe_emulator.payments import disputes, early_fraud_warnings, refunds
from stripe_emulator.reference.errors import StripeApiError
from stripe_emulator.state.account import Account

Json = dict[str, Any]


@pytest.fixture
def intent(paid_intent: Callable[[], Json]) -> Json:
    return paid_intent()


@pytest.fixture
def charge(account: Account, intent: Json) -> Json:
    return account.store.get("charge", intent["latest_charge"])


@pytest.fixture
def warning(account: Account, intent: Json, event_log: Any) -> Json:
    created = early_fraud_warnings.create(account, intent, "misc")
    event_log.clear()
    return created


def test_a_warning_names_its_payment(account: Account, intent: Json, event_log: Any) -> None:
    warning = early_fraud_warnings.create(account, intent, "made_with_lost_card")

    assert event_log.last("radar.early_fraud_warning.created") == warning
    assert warning["id"].startswith("issfr_")
    assert (warning["payment_intent"], warning["charge"]) == (intent["id"], intent["latest_charge"])
    assert (warning["actionable"], warning["fraud_type"]) == (True, "made_with_lost_card")


def test_a_full_refund_ends_a_warning(account: Account, charge: Json, warning: Json, event_log: Any) -> None:
    refunds.create(account, charge, 5000, None, {})
    after_a_part = warning["actionable"]
    refunds.create(account, charge, None, None, {})

    assert (after_a_part, warning["actionable"]) == (True, False)
    assert event_log.types.count("radar.early_fraud_warning.updated") == 1


def test_a_failed_refund_makes_a_warning_actionable(account: Account, charge: Json, warning: Json) -> None:
    refund = refunds.create(account, charge, None, None, {})
    refunds.fail(account, refund)

    assert warning["actionable"]


def test_a_dispute_ends_a_warning(account: Account, intent: Json, warning: Json, event_log: Any) -> None:
    disputes.open_dispute(account, intent, "fraudulent")

    assert not event_log.last("radar.early_fraud_warning.updated")["actionable"]
    assert event_log[-1]["data"]["previous_attributes"] == {"actionable": True}
    assert not warning["actionable"]


def test_other_charges_keep_their_warnings(
    account: Account, warning: Json, paid_intent: Callable[[], Json], event_log: Any
) -> None:
    disputes.open_dispute(account, paid_intent(), "fraudulent")

    assert warning["actionable"]
    assert "radar.early_fraud_warning.updated" not in event_log.types


@pytest.mark.parametrize(("card", "count"), [("createIssuerFraudRecord", 1), ("visa", 0)])
def test_one_test_card_gets_a_warning(
    account: Account, paid_intent: Callable[[str], Json], card: str, count: int
) -> None:
    early_fraud_warnings.create_if_test_card(account, paid_intent(card))

    assert len(list(account.store.oldest_first("radar.early_fraud_warning"))) == count


def test_a_declined_charge_gets_no_warning(account: Account, paid_intent: Callable[[str], Json]) -> None:
    with pytest.raises(StripeApiError, match="Only a succeeded charge"):
        early_fraud_warnings.create(account, paid_intent("chargeDeclined"), "misc")
