"""Tests refunds through the API."""

from collections.abc import Callable
from typing import Any

import pytest

from stripe_emulator.calls.call import ApiCall
from stripe_emulator.payments import disputes
from stripe_emulator.payments import refunds as life_cycle
from stripe_emulator.reference.errors import StripeApiError
from stripe_emulator.state.account import Account
from stripe_emulator.v1 import refunds

Json = dict[str, Any]
MakeCall = Callable[..., ApiCall]


def test_partial_refunds_add_up(
    account: Account, call: MakeCall, event_log: Any, paid_intent: Callable[..., Json]
) -> None:
    intent = paid_intent()
    refunds.create(account, call(payment_intent=intent["id"], amount=5000))
    first = event_log.last("charge.refunded")
    refunds.create(account, call(charge=intent["latest_charge"]))
    second = event_log.last("charge.refunded")

    assert (first["amount_refunded"], first["refunded"]) == (5000, False)
    assert (second["amount_refunded"], second["refunded"]) == (12000, True)


def test_a_refund_emits_its_events_in_order(
    account: Account, call: MakeCall, event_log: Any, paid_intent: Callable[..., Json]
) -> None:
    intent = paid_intent()
    event_log.clear()
    refunds.create(account, call(payment_intent=intent["id"]))

    assert event_log.types == ["refund.created", "charge.refunded", "refund.updated", "charge.refund.updated"]
    assert event_log[1]["data"]["previous_attributes"] == {"amount_refunded": 0, "refunded": False}


def test_a_failed_refund_is_no_longer_refunded(
    account: Account, call: MakeCall, event_log: Any, paid_intent: Callable[..., Json]
) -> None:
    intent = paid_intent()
    refund = refunds.create(account, call(payment_intent=intent["id"]))
    life_cycle.fail(account, refund)

    assert event_log.last("refund.failed")["status"] == "failed"
    assert account.store.get("charge", intent["latest_charge"])["amount_refunded"] == 0
    with pytest.raises(StripeApiError):
        life_cycle.fail(account, refund)


def test_the_refund_of_one_test_card_fails(
    account: Account, call: MakeCall, event_log: Any, paid_intent: Callable[..., Json]
) -> None:
    refund = refunds.create(account, call(payment_intent=paid_intent("refundFail")["id"]))
    before = (refund["status"], "refund.failed" in event_log.types)
    account.clock.ahead += 1
    life_cycle.run_due(account)

    assert before == ("succeeded", False)
    assert event_log.last("refund.failed")["status"] == "failed"


def test_the_refund_of_one_test_card_is_pending_first(
    account: Account, call: MakeCall, event_log: Any, paid_intent: Callable[..., Json]
) -> None:
    refunds.create(account, call(payment_intent=paid_intent("pendingRefund")["id"]))
    account.clock.ahead += 180
    life_cycle.run_due(account)
    life_cycle.run_due(account)

    assert event_log.last("refund.created")["status"] == "pending"
    assert event_log.types.count("refund.updated") == 1
    assert event_log.last("refund.updated")["status"] == "succeeded"


def test_a_pending_refund_can_be_canceled(
    account: Account, call: MakeCall, event_log: Any, paid_intent: Callable[..., Json]
) -> None:
    refund = refunds.create(account, call(payment_intent=paid_intent("pendingRefund")["id"]))
    refunds.cancel(account, call(refund["id"]))

    assert (refund["status"], refund["failure_reason"]) == ("canceled", "merchant_request")
    assert event_log.types[-2:] == ["refund.updated", "charge.refund.updated"]
    with pytest.raises(StripeApiError, match="cannot become canceled"):
        refunds.cancel(account, call(refund["id"]))


def test_a_succeeded_refund_cannot_be_canceled(
    account: Account, call: MakeCall, paid_intent: Callable[..., Json]
) -> None:
    refund = refunds.create(account, call(payment_intent=paid_intent()["id"]))

    with pytest.raises(StripeApiError, match="cannot become canceled"):
        refunds.cancel(account, call(refund["id"]))
    assert refund["status"] == "succeeded"


def test_refunds_are_listed_by_payment_and_time(
    account: Account, call: MakeCall, paid_intent: Callable[..., Json]
) -> None:
    intent = paid_intent()
    first = refunds.create(account, call(payment_intent=intent["id"], amount=1000))
    account.clock.ahead += 60
    second = refunds.create(account, call(charge=intent["latest_charge"], amount=2000))
    refunds.create(account, call(payment_intent=paid_intent()["id"]))

    assert refunds.list_all(account, call(payment_intent=intent["id"]))["data"] == [second, first]
    later = refunds.list_all(account, call(charge=intent["latest_charge"], created={"gte": second["created"]}))
    assert later["data"] == [second]


@pytest.mark.parametrize(
    ("params", "code", "param"),
    [
        ({}, None, "payment_intent"),
        ({"payment_intent": "pi_1", "charge": "ch_1"}, None, "payment_intent"),
        ({"payment_intent": "pi_1"}, "resource_missing", "payment_intent"),
        ({"charge": "ch_1"}, "resource_missing", "charge"),
    ],
)
def test_a_refund_needs_one_existing_payment(
    account: Account, call: MakeCall, params: Json, code: str | None, param: str
) -> None:
    with pytest.raises(StripeApiError) as error_info:
        refunds.create(account, call(**params))

    assert (error_info.value.code, error_info.value.param) == (code, param)


def test_a_refund_cannot_exceed_the_charge(account: Account, call: MakeCall, paid_intent: Callable[..., Json]) -> None:
    intent = paid_intent()
    refunds.create(account, call(payment_intent=intent["id"], amount=11999))

    with pytest.raises(StripeApiError, match="greater than unrefunded amount"):
        refunds.create(account, call(payment_intent=intent["id"], amount=2))
    refunds.create(account, call(payment_intent=intent["id"], amount=1))
    with pytest.raises(StripeApiError, match="already been refunded"):
        refunds.create(account, call(payment_intent=intent["id"]))


def test_an_unpaid_intent_cannot_be_refunded(
    account: Account, call: MakeCall, paid_intent: Callable[..., Json]
) -> None:
    with pytest.raises(StripeApiError, match="does not have a successful charge"):
        refunds.create(account, call(payment_intent=paid_intent("chargeDeclined")["id"]))


def test_a_charge_back_cannot_be_refunded(account: Account, call: MakeCall, paid_intent: Callable[..., Json]) -> None:
    intent = paid_intent()
    dispute = disputes.open_dispute(account, intent, "fraudulent")

    with pytest.raises(StripeApiError, match="charged back"):
        refunds.create(account, call(payment_intent=intent["id"]))
    disputes.close(account, dispute, "won")
    assert refunds.create(account, call(payment_intent=intent["id"]))["status"] == "succeeded"


def test_only_metadata_can_be_changed(account: Account, call: MakeCall, paid_intent: Callable[..., Json]) -> None:
    refund = refunds.create(account, call(payment_intent=paid_intent()["id"], metadata={"a": "1", "b": "2"}))
    refunds.update(account, call(refund["id"], metadata={"a": ""}))

    assert refunds.retrieve(account, call(refund["id"]))["metadata"] == {"b": "2"}
    with pytest.raises(StripeApiError, match="unknown parameter: amount"):
        refunds.update(account, call(refund["id"], amount=1))
