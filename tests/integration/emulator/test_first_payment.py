"""Pays one session, and checks the signed events and the redirect."""

import pytest

from tests.integration.emulator.receiver import Receiver
from tests.support.emulator import EmulatorClient

CARD = {"method": "card", "cardnumber": "4242 4242 4242 4242", "expiry": "12 / 34", "cvc": "123"}
DECLINED = CARD | {"cardnumber": "4000 0000 0000 9995"}


def test_a_card_pays_and_the_customer_returns(emulator: EmulatorClient, receiver: Receiver) -> None:
    session = emulator.checkout(client_reference_id="payment_123")
    page = emulator.http.get(f"/c/pay/{session.id}")

    paid = emulator.http.post(f"/c/pay/{session.id}", data=CARD)

    assert "Travel insurance" in page.text
    assert "SGD 120.00" in page.text
    assert paid.status_code == 303
    assert paid.headers["Location"] == f"http://merchant.test/success?session_id={session.id}"
    completed = receiver.first("checkout.session.completed").event.data.object
    assert (completed.client_reference_id, completed.payment_status) == ("payment_123", "paid")


def test_a_successful_payment_sends_four_events(emulator: EmulatorClient, receiver: Receiver) -> None:
    emulator.pay(emulator.checkout().id).raise_for_status()

    received = receiver.wait(lambda requests: len(requests) >= 4)
    assert sorted(one.event.type for one in received) == [
        "charge.succeeded",
        "checkout.session.completed",
        "payment_intent.created",
        "payment_intent.succeeded",
    ]


def test_another_card_can_pay_after_a_decline(emulator: EmulatorClient, receiver: Receiver) -> None:
    session = emulator.checkout()

    declined = emulator.http.post(f"/c/pay/{session.id}", data=DECLINED)
    paid = emulator.http.post(f"/c/pay/{session.id}", data=CARD)

    assert declined.status_code == 402
    assert "insufficient funds" in declined.text
    assert paid.status_code == 303
    failed = receiver.first("payment_intent.payment_failed").event.data.object
    assert failed.last_payment_error.decline_code == "insufficient_funds"
    assert failed.id == emulator.stripe.v1.checkout.sessions.retrieve(session.id).payment_intent


@pytest.mark.parametrize("number", ["4242 4242 4242 4241", "", "1234"])
def test_an_unknown_card_number_changes_nothing(emulator: EmulatorClient, number: str) -> None:
    session = emulator.checkout()

    declined = emulator.http.post(f"/c/pay/{session.id}", data=CARD | {"cardnumber": number})

    assert declined.status_code == 402
    assert 'data-code="incorrect_number"' in declined.text
    types = {event.type for event in emulator.stripe.v1.events.list().data}
    assert types <= {"product.created", "price.created"}
