"""Authenticates payments with 3-D Secure as a browser without JavaScript does, and through the controls."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import stripe

from tests.integration.emulator.receiver import Receiver
from tests.support.emulator import EmulatorClient

CARD = {
    "method": "card",
    "cardnumber": "4000 0000 0000 3220",
    "expiry": "1234",
    "cvc": "123",
    "email": "tan@example.test",
}
DECLINED = CARD | {"cardnumber": "4000 0084 0000 1629"}
DENIED = "payment_intent_authentication_failure"


def page_of(emulator: EmulatorClient, session_id: str, **fields: str) -> str:
    """Pay with a 3DS card and return the path of the page to which the customer is sent."""
    sent = emulator.http.post(f"/c/pay/{session_id}", data=CARD | fields)
    assert sent.status_code == 303, sent.text
    return sent.headers["Location"]


def test_a_customer_authenticates_and_returns(emulator: EmulatorClient, receiver: Receiver) -> None:
    session = emulator.checkout()
    path = page_of(emulator, session.id)
    page = emulator.http.get(path)
    back = emulator.http.post(path, data={"result": "succeeded"})

    assert "SGD 120.00" in page.text
    assert "ends in 3220" in page.text
    assert (back.status_code, back.headers["Location"]) == (
        303,
        f"http://merchant.test/success?session_id={session.id}",
    )
    action = receiver.first("payment_intent.requires_action").event.data.object
    assert action.next_action.redirect_to_url.url.endswith(path)
    assert receiver.first("checkout.session.completed").event.data.object.payment_status == "paid"


def test_a_failed_authentication_keeps_what_was_typed(emulator: EmulatorClient, receiver: Receiver) -> None:
    session = emulator.checkout()
    page = emulator.http.post(page_of(emulator, session.id), data={"result": "failed"})

    assert page.status_code == 402
    assert f'data-code="{DENIED}"' in page.text
    assert f'action="/c/pay/{session.id}"' in page.text
    assert 'value="4000 0000 0000 3220"' in page.text
    assert 'value="tan@example.test"' in page.text
    failed = receiver.first("payment_intent.payment_failed").event.data.object
    assert failed.last_payment_error.code == DENIED


def test_a_card_is_declined_after_authentication(emulator: EmulatorClient) -> None:
    path = page_of(emulator, emulator.checkout().id, **DECLINED)
    page = emulator.http.post(path, data={"result": "succeeded"})

    assert page.status_code == 402
    assert 'data-decline-code="generic_decline"' in page.text


def test_the_pay_page_leads_to_the_authentication(emulator: EmulatorClient) -> None:
    session = emulator.checkout()
    path = page_of(emulator, session.id)

    assert f'href="{path}"' in emulator.http.get(f"/c/pay/{session.id}").text


def test_an_authentication_ends_once(emulator: EmulatorClient) -> None:
    session = emulator.checkout()
    path = page_of(emulator, session.id)
    emulator.http.post(path, data={"result": "failed"})
    again = emulator.http.post(path, data={"result": "succeeded"})
    emulator.pay(session.id).raise_for_status()
    late = emulator.http.get(path)

    assert (again.status_code, again.headers["Location"]) == (303, f"/c/pay/{session.id}")
    assert "You have already paid" in late.text


@pytest.mark.parametrize("result", ["", "maybe"])
def test_an_unknown_result_changes_nothing(emulator: EmulatorClient, result: str) -> None:
    session = emulator.checkout()
    path = page_of(emulator, session.id)
    answer = emulator.http.post(path, data={"result": result})

    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert emulator.get(f"/v1/checkout/sessions/{session.id}")["status"] == "open"


def test_an_unknown_authentication_is_not_found(emulator: EmulatorClient) -> None:
    assert emulator.http.get("/c/authenticate/pi_nobody").status_code == 404


def test_a_control_authenticates_without_a_browser(emulator: EmulatorClient) -> None:
    session = emulator.checkout()
    waiting = emulator.pay(session.id, card="4000002500003155").json()
    paid = emulator.control(f"/_authenticate/{session.id}")

    assert (waiting["status"], waiting["merchant_answered"]) == ("open", None)
    assert waiting["next_action"]["redirect_to_url"]["return_url"] == session.url
    assert (paid["status"], paid["payment_status"], paid["merchant_answered"]) == ("complete", "paid", True)
    assert paid["next_action"] is None


def test_a_control_fails_an_authentication(emulator: EmulatorClient) -> None:
    session = emulator.checkout()
    intent = emulator.pay(session.id, card="4000002500003155").json()["payment_intent"]
    failed = emulator.http.post(f"/_authenticate/{intent}", json={"result": "failed"})

    assert (failed.status_code, failed.json()["error"]["code"]) == (402, DENIED)


@pytest.mark.parametrize(
    ("object_id", "code"), [("cs_test_nobody", "resource_missing"), ("paid", "payment_intent_unexpected_state")]
)
def test_nothing_else_can_be_authenticated(emulator: EmulatorClient, object_id: str, code: str) -> None:
    session = emulator.checkout()
    emulator.pay(session.id).raise_for_status()
    answer = emulator.http.post(f"/_authenticate/{session.id if object_id == 'paid' else object_id}")

    assert answer.json()["error"]["code"] == code


def intent_of(emulator: EmulatorClient, **options: Any) -> Any:
    """Confirm a PaymentIntent of a card that always asks for authentication."""
    params = {"amount": 12000, "currency": "sgd", "confirm": True, "payment_method": "pm_card_authenticationRequired"}
    return emulator.stripe.v1.payment_intents.create(params=params | options)


@pytest.mark.parametrize("result", ["succeeded", "failed"])
def test_a_payment_without_a_session_returns(emulator: EmulatorClient, result: str) -> None:
    intent = intent_of(emulator, return_url="http://merchant.test/back?a=1")
    path = urlsplit(intent.next_action.redirect_to_url.url).path
    policy = emulator.http.get(path).headers["Content-Security-Policy"]
    back = httpx.URL(emulator.http.post(path, data={"result": result}).headers["Location"])

    assert policy.endswith("form-action 'self' http://merchant.test")
    assert parse_qs(back.query.decode()) == {
        "a": ["1"],
        "payment_intent": [intent.id],
        "payment_intent_client_secret": [intent.client_secret],
        "redirect_status": [result],
    }
    assert emulator.stripe.v1.payment_intents.retrieve(intent.id).status == (
        "succeeded" if result == "succeeded" else "requires_payment_method"
    )


def test_a_payment_without_a_return_url_shows_its_end(emulator: EmulatorClient) -> None:
    intent = intent_of(emulator)
    path = urlsplit(intent.next_action.use_stripe_sdk["stripe_js"]).path
    page = emulator.http.post(path, data={"result": "succeeded"})

    assert "Authentication complete" in page.text
    assert "Authentication complete" in emulator.http.get(path).text


def test_a_payment_without_the_customer_is_declined(emulator: EmulatorClient) -> None:
    with pytest.raises(stripe.CardError) as error_info:
        intent_of(emulator, off_session=True)

    assert error_info.value.code == "authentication_required"


def test_a_card_is_saved_after_authentication(emulator: EmulatorClient, receiver: Receiver) -> None:
    session = emulator.checkout(mode="setup", currency="sgd", line_items=[])
    path = page_of(emulator, session.id)
    page = emulator.http.get(path).text
    back = emulator.http.post(path, data={"result": "succeeded"})

    assert "Authenticate your card" in page
    assert back.status_code == 303
    assert receiver.first("setup_intent.requires_action").event.data.object.next_action.type == "redirect_to_url"
    receiver.first("setup_intent.succeeded")
