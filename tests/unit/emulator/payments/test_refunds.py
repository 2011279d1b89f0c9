"""Tests refunds and the remaining amount of the charge."""

from collections.abc import Callable
from typing import Any

import pytest

from stripe_emulator.payments import disputes, refunds
from stripe_emulator.reference.errors import StripeApiError
from stripe_emulator.state.account import Account

Json = dict[str, Any]


@pytest.fixture
def charge(account: Account, paid_intent: Callable[[], Json]) -> Json:
    return account.store.get("charge", paid_intent()["latest_charge"])


def refund(account: Account, charge: Json, amount: int | None = None) -> Json:
    return refunds.create(account, charge, amount, None, {})


def test_the_default_amount_is_the_remaining_amount(account: Account, charge: Json) -> None:
    refund(account, charge, 5000)

    assert refund(account, charge)["amount"] == 7000
    assert (charge["amount_refunded"], charge["refunded"]) == (12000, True)


def test_a_failed_refund_can_be_repeated(account: Account, charge: Json, event_log: Any) -> None:
    first = refund(account, charge)
    refunds.fail(account, first)

    assert (charge["amount_refunded"], charge["refunded"]) == (0, False)
    assert event_log.last("refund.failed")["failure_reason"] == "expired_or_canceled_card"
    assert refund(account, charge)["status"] == "succeeded"


def test_a_refund_fails_at_most_once(account: Account, charge: Json) -> None:
    failed = refund(account, charge)
    refunds.fail(account, failed)

    with pytest.raises(StripeApiError, match="cannot become failed"):
        refunds.fail(account, failed)


def test_new_metadata_emits_the_old_one_as_previous(account: Account, charge: Json, event_log: Any) -> None:
    created = refund(account, charge)
    refunds.change_metadata(account, created, {"a": "b"})

    assert event_log.types[-2:] == ["refund.updated", "charge.refund.updated"]
    assert event_log[-1]["data"]["previous_attributes"] == {"metadata": {}}


def test_a_disputed_charge_is_refundable_only_when_won(account: Account, paid_intent: Callable[[], Json]) -> None:
    intent = paid_intent()
    dispute = disputes.open_dispute(account, intent, "fraudulent")
    charge = account.store.get("charge", intent["latest_charge"])

    with pytest.raises(StripeApiError, match="charged back"):
        refund(account, charge)
    disputes.close(account, dispute, "won")
    assert refund(account, charge)["status"] == "succeeded"


def test_an_unpaid_charge_is_not_refundable(account: Account, paid_intent: Callable[[str], Json]) -> None:
    declined = account.store.get("charge", paid_intent("chargeDeclined")["latest_charge"])

    with pytest.raises(StripeApiError, match="not paid"):
        refund(account, declined)
