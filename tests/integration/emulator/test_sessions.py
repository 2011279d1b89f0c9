"""Uses sessions of every mode, and recovers expired ones, through the official package."""

from typing import Any

import pytest
import stripe

from tests.integration.emulator.receiver import Receiver
from tests.support.emulator import EmulatorClient

CARD = {"method": "card", "cardnumber": "4242 4242 4242 4242", "expiry": "12 / 34", "cvc": "123"}
SETUP: dict[str, Any] = {"mode": "setup", "line_items": "", "currency": "sgd"}
MONTHLY = {
    "currency": "sgd",
    "unit_amount": 900,
    "recurring": {"interval": "month"},
    "product_data": {"name": "Monthly cover"},
}
SUBSCRIPTION: dict[str, Any] = {"mode": "subscription", "line_items": [{"price_data": MONTHLY, "quantity": 1}]}
RECOVERY = {"after_expiration": {"recovery": {"enabled": True}}}


def test_a_setup_session_completes_on_the_pay_page(emulator: EmulatorClient, receiver: Receiver) -> None:
    session = emulator.checkout(**SETUP, client_reference_id="customer_1")
    page = emulator.http.get(f"/c/pay/{session.id}").text
    emulator.http.post(f"/c/pay/{session.id}", data=CARD)

    completed = receiver.first("checkout.session.completed").event.data.object
    assert "Save payment method</button>" in page
    assert (completed.mode, completed.payment_status, completed.payment_intent) == (
        "setup",
        "no_payment_required",
        None,
    )
    assert (completed.amount_total, completed.client_reference_id) == (None, "customer_1")
    intent = emulator.stripe.v1.setup_intents.retrieve(completed.setup_intent)
    assert isinstance(intent, stripe.SetupIntent)
    assert intent.status == "succeeded"


def test_a_declined_setup_shows_the_reason(emulator: EmulatorClient) -> None:
    session = emulator.checkout(**SETUP)
    declined = emulator.http.post(f"/c/pay/{session.id}", data=CARD | {"cardnumber": "4000000000000002"})

    assert declined.status_code == 402
    assert 'data-code="card_declined"' in declined.text


def test_a_subscription_session_is_paid_by_the_control(emulator: EmulatorClient, receiver: Receiver) -> None:
    session = emulator.checkout(**SUBSCRIPTION, metadata={"policy": "p_1"})
    paid = emulator.pay(session.id, email="customer@example.test").json()

    completed = receiver.first("checkout.session.completed").event.data.object
    assert (completed.mode, completed.payment_status, completed.payment_intent) == ("subscription", "paid", None)
    assert completed.subscription == paid["subscription"]
    subscription = emulator.stripe.v1.subscriptions.retrieve(paid["subscription"], {"expand": ["customer"]})
    assert isinstance(subscription, stripe.Subscription)
    assert isinstance(subscription.customer, stripe.Customer)
    assert (subscription.status, subscription.customer.email) == ("active", "customer@example.test")


def test_a_delayed_subscription_is_settled(emulator: EmulatorClient, receiver: Receiver) -> None:
    session = emulator.checkout(**SUBSCRIPTION)
    unpaid = emulator.pay(session.id, method="delayed", after_seconds=3600).json()
    emulator.http.post(f"/_sessions/{session.id}/settle", params={"result": "succeeded"}).raise_for_status()

    assert unpaid["payment_status"] == "unpaid"
    assert receiver.first("checkout.session.async_payment_succeeded").event.data.object.id == session.id


def test_a_trial_needs_no_payment(emulator: EmulatorClient) -> None:
    session = emulator.checkout(**SUBSCRIPTION, subscription_data={"trial_period_days": 14})
    emulator.http.post(f"/c/pay/{session.id}", data={})
    completed = emulator.stripe.v1.checkout.sessions.retrieve(session.id, {"expand": ["subscription"]})

    assert (completed.payment_status, completed.subscription.status) == ("no_payment_required", "trialing")


@pytest.mark.parametrize("more", [{"mode": "setup"}, {"mode": "subscription"}, {"mode": "setup", "line_items": ""}])
def test_each_mode_has_its_own_parameters(emulator: EmulatorClient, more: dict[str, Any]) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        emulator.checkout(**more)


def test_an_expired_session_is_recovered(emulator: EmulatorClient, receiver: Receiver) -> None:
    sessions = emulator.stripe.v1.checkout.sessions
    old = emulator.checkout(**RECOVERY, client_reference_id="payment_1", metadata={"quote": "q_1"})
    sessions.expire(old.id)
    expired = receiver.first("checkout.session.expired").event.data.object
    path = expired.after_expiration.recovery.url.partition("/r/")[2]
    page = emulator.http.get(f"/r/{path}")
    new_id = page.headers["Location"].rpartition("/")[2]
    emulator.pay(new_id).raise_for_status()

    completed = receiver.first("checkout.session.completed").event.data.object
    assert page.status_code == 303
    assert (completed.id, completed.recovered_from) == (new_id, old.id)
    assert (completed.client_reference_id, completed.metadata["quote"]) == ("payment_1", "q_1")
    assert sessions.line_items.list(new_id).data[0].amount_total == 12000
    assert sessions.retrieve(old.id).status == "expired"


def test_every_visit_recovers_a_session_of_its_own(emulator: EmulatorClient) -> None:
    old = emulator.checkout(**RECOVERY)
    emulator.stripe.v1.checkout.sessions.expire(old.id)
    url = emulator.stripe.v1.checkout.sessions.retrieve(old.id).after_expiration.recovery.url
    token = url.rpartition("/")[2]

    first, second = (emulator.http.get(f"/r/{token}").headers["Location"] for _ in range(2))
    assert first != second


def test_an_unknown_recovery_url_is_404(emulator: EmulatorClient) -> None:
    assert emulator.http.get("/r/test_unknown").status_code == 404
