"""Tests the authentication with 3-D Secure and its events."""

from typing import Any

import pytest

from stripe_emulator.payments import authentication, charges, checkout, methods, subscriptions
from stripe_emulator.payments.authentication import Confirmation
from stripe_emulator.reference import cards
from stripe_emulator.reference.errors import StripeApiError
from stripe_emulator.state.account import Account

Json = dict[str, Any]
RETURN_URL = "https://merchant.test/back"
DENIED = "payment_intent_authentication_failure"


def method(account: Account, name: str) -> Json:
    return methods.create(account, cards.CARDS[name])


def waiting(account: Account, session: Json, name: str = "threeDSecure2Required") -> Json:
    """Pay the session with a 3DS card and return its PaymentIntent."""
    assert checkout.pay(account, session, method(account, name)) is None
    intent = checkout.intent_of(account, session)
    assert intent is not None
    return intent


@pytest.fixture
def intent(account: Account) -> Json:
    return charges.new_intent(account, 12000, "sgd", payment_method_types=["card"])


@pytest.fixture
def setup_session(account: Account, session: Json) -> Json:
    setup = subscriptions.new_setup_intent(account, session, {})
    account.store.session_of[setup["id"]] = session["id"]
    return session | account.store.add(session | {"mode": "setup", "amount_total": None, "setup_intent": setup["id"]})


def test_a_3ds_card_leaves_the_session_open(account: Account, session: Json, event_log: Any) -> None:
    intent = waiting(account, session)

    assert event_log.types == ["payment_intent.created", "payment_intent.requires_action"]
    assert (session["status"], session["payment_status"]) == ("open", "unpaid")
    assert (intent["status"], intent["latest_charge"]) == ("requires_action", None)
    url = f"{account.settings.public_url}/c/authenticate/{intent['id']}"
    assert intent["next_action"] == {
        "type": "redirect_to_url",
        "redirect_to_url": {"return_url": session["url"], "url": url},
    }


def test_an_authenticated_payment_completes(account: Account, session: Json, event_log: Any) -> None:
    intent = waiting(account, session)
    event_log.clear()

    assert checkout.authenticate(account, intent, "succeeded") is None

    assert event_log.types == ["charge.succeeded", "payment_intent.succeeded", "checkout.session.completed"]
    assert (session["payment_status"], intent["next_action"]) == ("paid", None)
    card = event_log.last("charge.succeeded")["payment_method_details"]["card"]
    assert (card["three_d_secure"]["result"], card["three_d_secure"]["authentication_flow"]) == (
        "authenticated",
        "challenge",
    )


def test_a_failed_authentication_is_a_decline(account: Account, session: Json, event_log: Any) -> None:
    intent = waiting(account, session)
    event_log.clear()
    decline = checkout.authenticate(account, intent, "failed")

    assert decline is not None
    assert event_log.types == ["payment_intent.payment_failed"]
    error = event_log.last("payment_intent.payment_failed")["last_payment_error"]
    assert (error["code"], error["type"], error["charge"]) == (DENIED, "invalid_request_error", None)
    assert (intent["status"], intent["payment_method"], intent["next_action"]) == (
        "requires_payment_method",
        None,
        None,
    )
    assert session["status"] == "open"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("threeDSecureRequiredChargeDeclined", "generic_decline"),
        ("authenticationRequiredChargeDeclinedInsufficientFunds", "insufficient_funds"),
    ],
)
def test_a_card_can_be_declined_after_authentication(
    account: Account, session: Json, event_log: Any, name: str, code: str
) -> None:
    decline = checkout.authenticate(account, waiting(account, session, name), "succeeded")

    assert decline is not None
    assert decline.decline_code == code
    assert event_log.types[-2:] == ["charge.failed", "payment_intent.payment_failed"]
    assert session["status"] == "open"


def test_a_failed_look_up_declines_without_a_page(account: Account, session: Json, event_log: Any) -> None:
    decline = checkout.pay(account, session, method(account, "threeDSecureRequiredProcessingError"))

    assert decline is not None
    assert "payment_intent.requires_action" not in event_log.types


def test_a_frictionless_card_needs_no_page(account: Account, session: Json, event_log: Any) -> None:
    card = cards.BY_NUMBER["4000000032200000"]
    checkout.pay(account, session, methods.create(account, card))

    charge = event_log.last("charge.succeeded")
    assert charge["payment_method_details"]["card"]["three_d_secure"]["authentication_flow"] == "frictionless"
    assert "payment_intent.requires_action" not in event_log.types


def test_another_card_replaces_an_authentication(account: Account, session: Json, event_log: Any) -> None:
    intent = waiting(account, session)
    checkout.pay(account, session, method(account, "visa"))

    assert (session["payment_status"], intent["next_action"]) == ("paid", None)
    with pytest.raises(StripeApiError, match="status of succeeded"):
        checkout.authenticate(account, intent, "failed")
    assert event_log.types.count("payment_intent.created") == 1


def test_an_expired_session_waits_no_longer(account: Account, session: Json) -> None:
    intent = waiting(account, session)
    checkout.expire(account, session)

    assert (intent["status"], intent["next_action"]) == ("canceled", None)
    with pytest.raises(StripeApiError) as error_info:
        checkout.authenticate(account, intent, "succeeded")
    assert error_info.value.code == "payment_intent_unexpected_state"


def test_without_a_return_url_a_package_authenticates(account: Account, intent: Json) -> None:
    authentication.attempt(account, intent, method(account, "authenticationRequired"), Confirmation())

    assert intent["next_action"]["type"] == "use_stripe_sdk"
    assert intent["next_action"]["use_stripe_sdk"]["stripe_js"].endswith(f"/c/authenticate/{intent['id']}")


@pytest.mark.parametrize(
    ("name", "how", "declined"),
    [
        ("authenticationRequired", Confirmation(off_session=True), True),
        ("authenticationRequiredOnSetup", Confirmation(off_session=True), True),
        ("authenticationRequiredSetupForOffSession", Confirmation(off_session=True), False),
        ("authenticationRequired", Confirmation(error_on_requires_action=True), True),
        ("visa", Confirmation(off_session=True), False),
    ],
)
def test_without_the_customer_nobody_authenticates(
    account: Account, intent: Json, name: str, how: Confirmation, *, declined: bool
) -> None:
    decline = authentication.attempt(account, intent, method(account, name), how)

    assert (decline == cards.AUTHENTICATION_REQUIRED) == declined
    assert intent["status"] == ("requires_payment_method" if declined else "succeeded")


@pytest.mark.parametrize(
    ("name", "later"),
    [("authenticationRequiredOnSetup", "succeeded"), ("authenticationRequired", "requires_payment_method")],
)
def test_a_card_that_is_set_up_can_be_charged_later(account: Account, intent: Json, name: str, later: str) -> None:
    card, first = method(account, name), charges.new_intent(account, 100, "sgd", setup_future_usage="off_session")
    authentication.attempt(account, first, card, Confirmation())
    authentication.end(account, first, "succeeded")
    authentication.attempt(account, intent, card, Confirmation(off_session=True))

    assert (first["status"], intent["status"]) == ("succeeded", later)


@pytest.mark.parametrize(
    ("result", "event", "status"),
    [("succeeded", "setup_intent.succeeded", "complete"), ("failed", "setup_intent.setup_failed", "open")],
)
def test_a_card_is_saved_after_authentication(
    account: Account, setup_session: Json, event_log: Any, result: str, event: str, status: str
) -> None:
    setup = waiting(account, setup_session)
    before = (setup["status"], event_log.types[-1])
    decline = checkout.authenticate(account, setup, result)
    session = account.store.get("checkout.session", setup_session["id"])

    assert before == ("requires_action", "setup_intent.requires_action")
    assert event in event_log.types
    assert session["status"] == status
    assert (decline.code if decline else None) == (
        "setup_intent_authentication_failure" if result == "failed" else None
    )


def test_a_payment_without_a_session_is_authenticated(account: Account, intent: Json, event_log: Any) -> None:
    card = cards.Instrument(number="4000000000000000", authentication="always", dispute="fraudulent")
    authentication.attempt(account, intent, methods.create(account, card), Confirmation(return_url=RETURN_URL))
    checkout.authenticate(account, intent, "succeeded")

    assert intent["status"] == "succeeded"
    assert "charge.dispute.created" in event_log.types
