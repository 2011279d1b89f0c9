"""Money given back."""

from collections.abc import Callable
from typing import Any

import pytest

from stripe_emulator.calls.calls import Call
from stripe_emulator.payments import charging
from stripe_emulator.reference import cards
from stripe_emulator.reference.errors import ApiError
from stripe_emulator.state.account import Account
from stripe_emulator.v1 import disputes, refunds

Json = dict[str, Any]
Ask = Callable[..., Call]


def paid(account: Account, card: str = "visa") -> Json:
    intent = charging.new_intent(account, 12000, "sgd", payment_method_types=["card"])
    charging.attempt(account, intent, charging.new_method(account, cards.CARDS[card]))
    return intent


def test_parts_add_up_to_the_whole(account: Account, ask: Ask, emitted: Any) -> None:
    intent = paid(account)
    refunds.create(account, ask(payment_intent=intent["id"], amount=5000))
    first = emitted.last("charge.refunded")
    refunds.create(account, ask(charge=intent["latest_charge"]))
    second = emitted.last("charge.refunded")

    assert (first["amount_refunded"], first["refunded"]) == (5000, False)
    assert (second["amount_refunded"], second["refunded"]) == (12000, True)


def test_a_refund_is_told_in_order(account: Account, ask: Ask, emitted: Any) -> None:
    intent = paid(account)
    emitted.clear()
    refunds.create(account, ask(payment_intent=intent["id"]))

    assert emitted.types == ["refund.created", "charge.refunded", "refund.updated", "charge.refund.updated"]
    assert emitted[1]["data"]["previous_attributes"] == {"amount_refunded": 0, "refunded": False}


def test_a_failed_refund_counts_as_paid_again(account: Account, ask: Ask, emitted: Any) -> None:
    intent = paid(account)
    refund = refunds.create(account, ask(payment_intent=intent["id"]))
    refunds.fail(account, refund)

    assert emitted.last("refund.failed")["status"] == "failed"
    assert account.store.get("charge", intent["latest_charge"])["amount_refunded"] == 0
    with pytest.raises(ApiError):
        refunds.fail(account, refund)


def test_the_card_made_for_it_fails_its_refund(account: Account, ask: Ask, emitted: Any) -> None:
    refunds.create(account, ask(payment_intent=paid(account, "refundFail")["id"]))

    assert "refund.failed" in emitted.types


def test_the_card_made_for_it_refunds_late(account: Account, ask: Ask, emitted: Any) -> None:
    refunds.create(account, ask(payment_intent=paid(account, "pendingRefund")["id"]))

    assert emitted.last("refund.created")["status"] == "pending"
    assert emitted.last("refund.updated")["status"] == "succeeded"


@pytest.mark.parametrize(
    ("params", "code", "param"),
    [
        ({}, None, "payment_intent"),
        ({"payment_intent": "pi_1", "charge": "ch_1"}, None, "payment_intent"),
        ({"payment_intent": "pi_1"}, "resource_missing", "payment_intent"),
        ({"charge": "ch_1"}, "resource_missing", "charge"),
    ],
)
def test_a_refund_of_nothing_is_refused(account: Account, ask: Ask, params: Json, code: str | None, param: str) -> None:
    with pytest.raises(ApiError) as refused:
        refunds.create(account, ask(**params))

    assert (refused.value.code, refused.value.param) == (code, param)


def test_no_more_than_was_paid(account: Account, ask: Ask) -> None:
    intent = paid(account)
    refunds.create(account, ask(payment_intent=intent["id"], amount=11999))

    with pytest.raises(ApiError, match="greater than unrefunded amount"):
        refunds.create(account, ask(payment_intent=intent["id"], amount=2))
    refunds.create(account, ask(payment_intent=intent["id"], amount=1))
    with pytest.raises(ApiError, match="already been refunded"):
        refunds.create(account, ask(payment_intent=intent["id"]))


def test_an_unpaid_intent_has_nothing_to_refund(account: Account, ask: Ask) -> None:
    with pytest.raises(ApiError, match="does not have a successful charge"):
        refunds.create(account, ask(payment_intent=paid(account, "chargeDeclined")["id"]))


def test_a_charge_back_cannot_be_refunded_too(account: Account, ask: Ask) -> None:
    intent = paid(account)
    dispute = disputes.open_dispute(account, intent, "fraudulent")

    with pytest.raises(ApiError, match="charged back"):
        refunds.create(account, ask(payment_intent=intent["id"]))
    disputes.close(account, dispute, "won")
    assert refunds.create(account, ask(payment_intent=intent["id"]))["status"] == "succeeded"
