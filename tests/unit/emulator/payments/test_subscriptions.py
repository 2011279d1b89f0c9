"""Tests sessions that save a payment method or start a subscription."""

from collections.abc import Callable
from typing import Any

import pytest

from stripe_emulator.calls.call import ApiCall
from stripe_emulator.payments import checkout, methods
from stripe_emulator.reference import cards
from stripe_emulator.reference.cards import Settlement
from stripe_emulator.state.account import Account
from stripe_emulator.state.objects import make
from stripe_emulator.v1.checkout import sessions

Json = dict[str, Any]
MakeCall = Callable[..., ApiCall]


@pytest.fixture
def setup(account: Account, call: MakeCall, session_params: Json, event_log: Any) -> Json:
    customer = account.store.add(make("customer"))
    changes = {"mode": "setup", "line_items": "", "currency": "sgd", "customer": customer["id"]}
    session = sessions.create(account, call(**session_params | changes))
    event_log.clear()
    return session


def subscription_session(account: Account, call: MakeCall, session_params: Json, **more: Any) -> Json:
    monthly = {"currency": "sgd", "unit_amount": 900, "recurring": {"interval": "month"}}
    lines = [
        {"price_data": monthly | {"product_data": {"name": "Monthly cover"}}, "quantity": 2},
        {"price_data": {"currency": "sgd", "unit_amount": 500, "product_data": {"name": "Fee"}}, "quantity": 1},
    ]
    return sessions.create(account, call(**session_params | {"mode": "subscription", "line_items": lines} | more))


@pytest.fixture
def subscription(account: Account, call: MakeCall, session_params: Json, event_log: Any) -> Json:
    session = subscription_session(
        account, call, session_params, subscription_data={"description": "Cover", "metadata": {"a": "b"}}
    )
    event_log.clear()
    return session


def card(account: Account, name: str = "visa") -> Json:
    return methods.create(account, cards.CARDS[name], {"email": "customer@example.test"})


def test_a_setup_session_saves_the_method(account: Account, setup: Json, event_log: Any) -> None:
    method = card(account)

    assert checkout.pay(account, setup, method) is None
    assert event_log.types == ["setup_intent.succeeded", "checkout.session.completed"]
    completed = event_log.last("checkout.session.completed")
    assert (completed["payment_status"], completed["payment_intent"]) == ("no_payment_required", None)
    intent = event_log.last("setup_intent.succeeded")
    assert (intent["id"], intent["payment_method"]) == (completed["setup_intent"], method["id"])
    assert method["customer"] == setup["customer"]


def test_a_declined_setup_session_stays_open(account: Account, setup: Json, event_log: Any) -> None:
    decline = checkout.pay(account, setup, card(account, "chargeDeclined"))

    assert decline is not None
    assert event_log.types == ["setup_intent.setup_failed"]
    assert checkout.last_decline(account, setup).more["setup_intent"]["id"] == setup["setup_intent"]
    assert setup["status"] == "open"
    assert checkout.pay(account, setup, card(account)) is None


def test_an_expired_setup_session_cancels_its_intent(account: Account, setup: Json, event_log: Any) -> None:
    checkout.expire(account, setup)

    assert event_log.types == ["setup_intent.canceled", "checkout.session.expired"]


def test_a_subscription_session_pays_and_subscribes(account: Account, subscription: Json, event_log: Any) -> None:
    assert checkout.pay(account, subscription, card(account)) is None

    assert event_log.types == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "customer.created",
        "customer.subscription.created",
        "checkout.session.completed",
    ]
    completed, started = event_log[-1]["data"]["object"], event_log.last("customer.subscription.created")
    assert (completed["payment_status"], completed["payment_intent"]) == ("paid", None)
    assert (completed["subscription"], completed["customer"]) == (started["id"], started["customer"])
    assert (started["status"], started["metadata"], completed["amount_total"]) == ("active", {"a": "b"}, 2300)
    assert [(item["quantity"], item["price"]["unit_amount"]) for item in started["items"]["data"]] == [(2, 900)]


def test_a_second_attempt_uses_the_same_payment_intent(account: Account, subscription: Json, event_log: Any) -> None:
    checkout.pay(account, subscription, card(account, "chargeDeclined"))
    error = checkout.last_decline(account, subscription)
    checkout.pay(account, subscription, card(account))

    assert event_log.types.count("payment_intent.created") == 1
    assert error.more["payment_intent"]["id"] == event_log.last("payment_intent.succeeded")["id"]


def test_a_delayed_subscription_settles_its_session(account: Account, subscription: Json, event_log: Any) -> None:
    debit = methods.create(account, cards.bank_debit("sepa_debit", Settlement("succeeded", 60)))
    checkout.pay(account, subscription, debit)
    before = subscription["payment_status"]
    account.clock.ahead += 60
    checkout.run_due(account)

    assert (before, subscription["payment_status"]) == ("unpaid", "paid")
    assert event_log.types[-1] == "checkout.session.async_payment_succeeded"


def test_a_trial_is_not_paid_today(account: Account, call: MakeCall, session_params: Json, event_log: Any) -> None:
    customer = account.store.add(make("customer"))
    more = {"subscription_data": {"trial_period_days": 14}, "customer": customer["id"]}
    monthly = {"currency": "sgd", "unit_amount": 900, "recurring": {"interval": "month"}}
    line = {"price_data": monthly | {"product_data": {"name": "Monthly cover"}}, "quantity": 1}
    session = subscription_session(account, call, session_params, **more, line_items=[line])
    checkout.complete_free(account, session, {})

    started = event_log.last("customer.subscription.created")
    assert (started["status"], started["trial_end"]) == ("trialing", account.now() + 14 * 24 * 3600)
    assert (started["customer"], session["payment_status"]) == (customer["id"], "no_payment_required")
    assert "customer.created" not in event_log.types
