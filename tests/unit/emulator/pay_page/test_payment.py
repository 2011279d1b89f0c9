"""Tests payments from the pay page."""

from typing import Any

import pytest

from stripe_emulator.emulator import Emulator
from stripe_emulator.pay_page import payment
from stripe_emulator.pay_page.payment import PaymentForm
from stripe_emulator.payments import subscriptions
from stripe_emulator.reference.errors import StripeApiError
from stripe_emulator.settings import Settings
from stripe_emulator.state.account import Account
from stripe_emulator.webhooks.deliverer import Deliverer

Json = dict[str, Any]
CARD = {"cardnumber": "4242 4242 4242 4242", "expiry": "12 / 34", "cvc": "123"}
DELAYED = {"method": "delayed", "outcome": "failed", "after_seconds": "60"}


async def no_send(_url: str, _headers: dict[str, str], _body: bytes) -> int:
    return 200


@pytest.fixture
def emulator(account: Account) -> Emulator:
    return Emulator(Settings(), no_send, account, Deliverer(Settings(), account.store, no_send))


def test_a_card_pays_the_session(emulator: Emulator, session: Json) -> None:
    payment.pay(emulator, session, PaymentForm(**CARD, email="customer@example.test"))

    assert session["payment_status"] == "paid"
    assert session["customer_details"]["email"] == "customer@example.test"


def test_a_declined_card_is_the_customers_error(emulator: Emulator, session: Json) -> None:
    with pytest.raises(StripeApiError) as error_info:
        payment.pay(emulator, session, PaymentForm(**CARD | {"cardnumber": "4000000000009995"}))

    assert (error_info.value.status, error_info.value.more["decline_code"]) == (402, "insufficient_funds")


@pytest.mark.parametrize("outcome", ["succeeded", "failed"])
def test_a_delayed_payment_is_scheduled(emulator: Emulator, session: Json, outcome: str) -> None:
    payment.pay(emulator, session, PaymentForm(**DELAYED | {"outcome": outcome}))

    scheduled = emulator.account.store.settlements[session["payment_intent"]]
    assert (scheduled.settlement.result, scheduled.at) == (outcome, emulator.account.now() + 60)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"method": "cash"}, "invalid_method"),
        ({"method": ""}, "invalid_method"),
        ({"cardnumber": "4242"}, "incorrect_number"),
        ({"expiry": "12"}, "incomplete_expiry"),
        ({"expiry": "01/20"}, "invalid_expiry_year"),
        ({"expiry": "13/34"}, "invalid_expiry_month"),
        ({"cvc": "1"}, "incomplete_cvc"),
        (DELAYED | {"after_seconds": "soon"}, "invalid_delay"),
        (DELAYED | {"after_seconds": "86401"}, "invalid_delay"),
        (DELAYED | {"outcome": "maybe"}, "invalid_outcome"),
    ],
)
def test_an_invalid_field_is_named(
    emulator: Emulator, session: Json, event_log: Any, changes: dict[str, str], code: str
) -> None:
    with pytest.raises(StripeApiError) as error_info:
        payment.pay(emulator, session, PaymentForm(**CARD | changes))

    assert (error_info.value.status, error_info.value.code) == (402, code)
    assert event_log.types == []


def test_a_session_may_not_offer_delayed_payments(emulator: Emulator, session: Json) -> None:
    session["payment_method_types"] = ["card"]

    with pytest.raises(StripeApiError) as error_info:
        payment.pay(emulator, session, PaymentForm(**DELAYED))

    assert error_info.value.code == "method_not_offered"


def test_a_free_session_needs_no_card(emulator: Emulator, session: Json) -> None:
    session |= {"amount_total": 0, "payment_status": "no_payment_required"}

    payment.pay(emulator, session, PaymentForm())

    assert session["status"] == "complete"


def test_a_declined_setup_is_the_customers_error(emulator: Emulator, session: Json) -> None:
    intent = subscriptions.new_setup_intent(emulator.account, session, {})
    session |= {"mode": "setup", "amount_total": None, "setup_intent": intent["id"]}

    with pytest.raises(StripeApiError) as error_info:
        payment.pay(emulator, session, PaymentForm(**CARD | {"cardnumber": "4000000000000002"}))
    payment.pay(emulator, session, PaymentForm(**CARD))

    assert (error_info.value.status, error_info.value.more["setup_intent"]["id"]) == (402, intent["id"])
    assert (session["status"], intent["status"]) == ("complete", "succeeded")


async def test_without_an_endpoint_there_is_no_wait(emulator: Emulator, session: Json) -> None:
    payment.pay(emulator, session, PaymentForm(**CARD))

    assert await payment.wait_for_merchant(emulator, session)


async def test_a_payment_waits_for_the_merchants_answer(emulator: Emulator, session: Json) -> None:
    emulator.account.deliver = emulator.deliverer.deliver
    emulator.account.add_endpoint("http://merchant.test", ("whsec_a",), ["*"])
    payment.pay(emulator, session, PaymentForm(**CARD))

    assert await payment.wait_for_merchant(emulator, session)
