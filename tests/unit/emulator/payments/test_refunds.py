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


@pytest.fixture
def pending(account: Account, paid_intent: Callable[[str], Json]) -> Json:
    charge = account.store.get("charge", paid_intent("pendingRefund")["latest_charge"])
    return refund(account, charge, 5000)


def amount_refunded(account: Account, of: Json) -> int:
    return int(account.store.get("charge", of["charge"])["amount_refunded"])


def test_a_pending_refund_counts_until_it_fails(account: Account, pending: Json) -> None:
    before = (pending["status"], pending["pending_reason"], amount_refunded(account, pending))
    refunds.fail(account, pending, "insufficient_funds")

    assert before == ("pending", "processing", 5000)
    assert (pending["status"], pending["failure_reason"]) == ("failed", "insufficient_funds")
    assert amount_refunded(account, pending) == 0
    assert "pending_reason" not in pending


def test_a_refund_can_succeed_and_fail_later(account: Account, pending: Json, event_log: Any) -> None:
    refunds.succeed(account, pending)
    between = (pending["status"], amount_refunded(account, pending))
    refunds.fail(account, pending)

    assert between == ("succeeded", 5000)
    assert event_log.last("refund.failed")["failure_balance_transaction"].startswith("txn_")
    assert amount_refunded(account, pending) == 0


def test_a_refund_can_wait_for_the_customer(account: Account, pending: Json, event_log: Any) -> None:
    refunds.require_action(account, pending)
    refunds.cancel(account, pending)

    waiting, canceled = (event["data"]["object"] for event in event_log if event["type"] == "refund.updated")
    assert (waiting["status"], waiting["next_action"]["type"]) == ("requires_action", "display_details")
    assert (canceled["status"], "next_action" in canceled) == ("canceled", False)
    assert amount_refunded(account, pending) == 0


CHANGES: dict[str, Callable[[Account, Json], None]] = {
    "succeeded": refunds.succeed,
    "requires_action": refunds.require_action,
    "canceled": refunds.cancel,
    "failed": refunds.fail,
}


PAIRS = [(current, status) for status in CHANGES for current in ("pending", *CHANGES)]


@pytest.mark.parametrize(("current", "status"), [pair for pair in PAIRS if pair[0] in refunds.FROM[pair[1]]])
def test_a_refund_moves_along_stripes_path(account: Account, pending: Json, current: str, status: str) -> None:
    pending["status"] = current
    CHANGES[status](account, pending)

    assert pending["status"] == status


@pytest.mark.parametrize(("current", "status"), [pair for pair in PAIRS if pair[0] not in refunds.FROM[pair[1]]])
def test_a_refund_never_leaves_stripes_path(account: Account, pending: Json, current: str, status: str) -> None:
    pending["status"] = current

    with pytest.raises(StripeApiError, match=f"{current} cannot become {status}"):
        CHANGES[status](account, pending)
    assert pending["status"] == current


def test_a_decided_refund_has_no_later_result(account: Account, pending: Json, event_log: Any) -> None:
    refunds.cancel(account, pending)
    account.clock.ahead += 3600
    refunds.run_due(account)

    assert event_log.last("refund.updated")["status"] == "canceled"


def test_several_refunds_end_independently(account: Account, charge: Json) -> None:
    first, second, third = (refund(account, charge, amount) for amount in (3000, 4000, 5000))
    refunds.fail(account, second)

    assert (charge["amount_refunded"], charge["refunded"]) == (8000, False)
    assert [one["status"] for one in (first, second, third)] == ["succeeded", "failed", "succeeded"]
    assert refund(account, charge)["amount"] == 4000
