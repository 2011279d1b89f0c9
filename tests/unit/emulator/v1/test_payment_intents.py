"""PaymentIntents and charges through the API."""

from collections.abc import Callable
from typing import Any

import pytest

from stripe_emulator.calls.call import Call
from stripe_emulator.payments import checkout, methods
from stripe_emulator.reference import cards
from stripe_emulator.reference.errors import ApiError
from stripe_emulator.state.account import Account
from stripe_emulator.v1 import payment_intents

Ask = Callable[..., Call]
Json = dict[str, Any]
MONEY = {"amount": 12000, "currency": "SGD"}


def test_a_new_intent_waits_for_a_payment_method(account: Account, ask: Ask, emitted: Any) -> None:
    intent = payment_intents.create(account, ask(**MONEY, metadata={"a": "b"}))

    assert (intent["status"], intent["currency"]) == ("requires_payment_method", "sgd")
    assert emitted.types == ["payment_intent.created"]


def test_an_intent_can_be_confirmed_at_once_or_later(account: Account, ask: Ask) -> None:
    at_once = payment_intents.create(account, ask(**MONEY, payment_method="pm_card_visa", confirm=True))
    later = payment_intents.create(account, ask(**MONEY, payment_method="pm_card_visa"))
    waiting = later["status"]
    payment_intents.confirm(account, ask(later["id"]))

    assert (at_once["status"], waiting, later["status"]) == ("succeeded", "requires_confirmation", "succeeded")


def test_a_decline_is_a_card_error_with_the_intent(account: Account, ask: Ask, emitted: Any) -> None:
    with pytest.raises(ApiError) as refused:
        payment_intents.create(
            account, ask(**MONEY, payment_method="pm_card_chargeDeclinedInsufficientFunds", confirm=True)
        )

    error = refused.value.body()["error"]
    assert (refused.value.status, error["type"], error["code"]) == (402, "card_error", "card_declined")
    assert error["decline_code"] == "insufficient_funds"
    assert error["payment_intent"]["status"] == "requires_payment_method"
    assert error["charge"] == emitted.last("charge.failed")["id"]


def test_a_cancelled_intent_cannot_be_paid(account: Account, ask: Ask, emitted: Any) -> None:
    intent = payment_intents.create(account, ask(**MONEY))
    payment_intents.cancel(account, ask(intent["id"], cancellation_reason="abandoned"))

    assert emitted.last("payment_intent.canceled")["cancellation_reason"] == "abandoned"
    with pytest.raises(ApiError, match="status of canceled"):
        payment_intents.confirm(account, ask(intent["id"], payment_method="pm_card_visa"))


def test_an_update_changes_only_given_fields(account: Account, ask: Ask) -> None:
    intent = payment_intents.create(account, ask(**MONEY, description="Policy", metadata={"a": "1", "b": "2"}))
    payment_intents.update(account, ask(intent["id"], amount=5000, metadata={"b": "", "c": "3"}))

    assert (intent["amount"], intent["description"]) == (5000, "Policy")
    assert intent["metadata"] == {"a": "1", "c": "3"}


@pytest.mark.parametrize("act", [payment_intents.confirm, payment_intents.cancel], ids=["confirm", "cancel"])
def test_an_intent_of_a_session_cannot_be_changed(account: Account, ask: Ask, session: Json, act: Any) -> None:
    checkout.pay(account, session, methods.create(account, cards.CARDS["chargeDeclined"]))

    with pytest.raises(ApiError, match="created by Checkout"):
        act(account, ask(session["payment_intent"]))


@pytest.mark.parametrize(
    ("changes", "code", "param"),
    [
        ({"amount": ""}, "parameter_missing", "amount"),
        ({"amount": 49}, "amount_too_small", "amount"),
        ({"currency": ""}, "parameter_missing", "currency"),
        ({"confirm": True}, "parameter_missing", "payment_method"),
        ({"payment_method": "pm_1"}, "resource_missing", "payment_method"),
        ({"customer": "cus_1"}, "resource_missing", "customer"),
        ({"capture_method": "manual"}, None, "capture_method"),
        ({"amout": 1}, "parameter_unknown", "amout"),
    ],
)
def test_an_invalid_intent_is_refused_and_not_created(
    account: Account, ask: Ask, emitted: Any, changes: Json, code: str | None, param: str
) -> None:
    with pytest.raises(ApiError) as refused:
        payment_intents.create(account, ask(**MONEY | changes))

    assert (refused.value.code, refused.value.param) == (code, param)
    assert emitted.types == []
