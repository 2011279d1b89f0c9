"""Tests PaymentIntents and charges through the API."""

from collections.abc import Callable
from typing import Any

import pytest

from stripe_emulator.calls.call import ApiCall
from stripe_emulator.payments import checkout, methods
from stripe_emulator.reference import cards
from stripe_emulator.reference.errors import StripeApiError
from stripe_emulator.state.account import Account
from stripe_emulator.state.objects import make
from stripe_emulator.v1 import payment_intents

MakeCall = Callable[..., ApiCall]
Json = dict[str, Any]
MONEY = {"amount": 12000, "currency": "SGD"}


def test_a_new_intent_waits_for_a_payment_method(account: Account, call: MakeCall, event_log: Any) -> None:
    intent = payment_intents.create(account, call(**MONEY, metadata={"a": "b"}))

    assert (intent["status"], intent["currency"]) == ("requires_payment_method", "sgd")
    assert event_log.types == ["payment_intent.created"]


def test_an_intent_can_be_confirmed_at_once_or_later(account: Account, call: MakeCall) -> None:
    at_once = payment_intents.create(account, call(**MONEY, payment_method="pm_card_visa", confirm=True))
    later = payment_intents.create(account, call(**MONEY, payment_method="pm_card_visa"))
    waiting = later["status"]
    payment_intents.confirm(account, call(later["id"]))

    assert (at_once["status"], waiting, later["status"]) == ("succeeded", "requires_confirmation", "succeeded")


def test_a_decline_is_a_card_error_with_the_intent(account: Account, call: MakeCall, event_log: Any) -> None:
    with pytest.raises(StripeApiError) as error_info:
        payment_intents.create(
            account, call(**MONEY, payment_method="pm_card_chargeDeclinedInsufficientFunds", confirm=True)
        )

    error = error_info.value.body()["error"]
    assert (error_info.value.status, error["type"], error["code"]) == (402, "card_error", "card_declined")
    assert error["decline_code"] == "insufficient_funds"
    assert error["payment_intent"]["status"] == "requires_payment_method"
    assert error["charge"] == event_log.last("charge.failed")["id"]


def test_a_cancelled_intent_cannot_be_paid(account: Account, call: MakeCall, event_log: Any) -> None:
    intent = payment_intents.create(account, call(**MONEY))
    payment_intents.cancel(account, call(intent["id"], cancellation_reason="abandoned"))

    assert event_log.last("payment_intent.canceled")["cancellation_reason"] == "abandoned"
    with pytest.raises(StripeApiError, match="status of canceled"):
        payment_intents.confirm(account, call(intent["id"], payment_method="pm_card_visa"))


def test_an_update_changes_only_given_fields(account: Account, call: MakeCall) -> None:
    intent = payment_intents.create(account, call(**MONEY, description="Policy", metadata={"a": "1", "b": "2"}))
    payment_intents.update(account, call(intent["id"], amount=5000, metadata={"b": "", "c": "3"}))

    assert (intent["amount"], intent["description"]) == (5000, "Policy")
    assert intent["metadata"] == {"a": "1", "c": "3"}


@pytest.mark.parametrize("act", [payment_intents.confirm, payment_intents.cancel], ids=["confirm", "cancel"])
def test_an_intent_of_a_session_cannot_be_changed(account: Account, call: MakeCall, session: Json, act: Any) -> None:
    checkout.pay(account, session, methods.create(account, cards.CARDS["chargeDeclined"]))

    with pytest.raises(StripeApiError, match="created by Checkout"):
        act(account, call(session["payment_intent"]))


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
    account: Account, call: MakeCall, event_log: Any, changes: Json, code: str | None, param: str
) -> None:
    with pytest.raises(StripeApiError) as error_info:
        payment_intents.create(account, call(**MONEY | changes))

    assert (error_info.value.code, error_info.value.param) == (code, param)
    assert event_log.types == []


def test_a_customer_must_exist(account: Account, call: MakeCall) -> None:
    customer = account.store.add(make("customer"))
    intent = payment_intents.create(account, call(**MONEY, customer=customer["id"]))

    assert payment_intents.list_all(account, call(customer=customer["id"]))["data"] == [intent]
    assert payment_intents.retrieve(account, call(intent["id"], client_secret="secret")) is intent


def test_automatic_methods_are_shown_when_enabled(account: Account, call: MakeCall) -> None:
    def create(**branch: object) -> object:
        return payment_intents.create(account, call(**MONEY, automatic_payment_methods=branch))[
            "automatic_payment_methods"
        ]

    assert create(enabled=True) == {"enabled": True, "allow_redirects": "always"}
    assert create(enabled=False) is None


def test_a_method_of_another_type_is_refused(account: Account, call: MakeCall) -> None:
    params = {"payment_method": "pm_card_visa", "payment_method_types": ["sepa_debit"], "confirm": True}

    with pytest.raises(StripeApiError, match="accepts sepa_debit, not card"):
        payment_intents.create(account, call(**MONEY, **params))
    with pytest.raises(StripeApiError, match="Invalid payment method type: barter"):
        payment_intents.create(account, call(**MONEY, payment_method_types=["barter"]))


def test_a_confirmation_needs_a_payment_method(account: Account, call: MakeCall) -> None:
    intent = payment_intents.create(account, call(**MONEY))

    with pytest.raises(StripeApiError, match="Missing required param: payment_method"):
        payment_intents.confirm(account, call(intent["id"]))


def test_an_update_without_an_amount_keeps_it(account: Account, call: MakeCall) -> None:
    intent = payment_intents.create(account, call(**MONEY, payment_method="pm_card_visa", confirm=True))
    payment_intents.update(account, call(intent["id"], description="Policy"))

    assert (intent["amount"], intent["description"]) == (12000, "Policy")
    with pytest.raises(StripeApiError, match="could not be updated"):
        payment_intents.update(account, call(intent["id"], amount=1))


def test_charges_include_failed_ones(account: Account, call: MakeCall, paid_intent: Callable[[str], Json]) -> None:
    failed, paid = paid_intent("chargeDeclined"), paid_intent("visa")
    listed = payment_intents.list_charges(account, call())["data"]

    assert [charge["id"] for charge in listed] == [paid["latest_charge"], failed["latest_charge"]]
    assert payment_intents.retrieve_charge(account, call(paid["latest_charge"])) is listed[0]
