"""Tests the life cycle of a checkout session and its events."""

from typing import Any

import pytest

from stripe_emulator.payments import charges, checkout, methods
from stripe_emulator.reference import cards
from stripe_emulator.reference.cards import Settlement
from stripe_emulator.reference.errors import StripeApiError
from stripe_emulator.state.account import Account

Json = dict[str, Any]


def method(account: Account, name: str = "visa") -> Json:
    return methods.create(account, cards.CARDS[name])


def debit(account: Account, result: cards.Result, after_seconds: int = 60) -> Json:
    return methods.create(account, cards.bank_debit("sepa_debit", Settlement(result, after_seconds)))


def test_a_successful_payment_is_four_events(account: Account, session: Json, event_log: Any) -> None:
    assert checkout.pay(account, session, method(account)) is None

    assert event_log.types == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.completed",
    ]
    assert (session["status"], session["payment_status"], session["url"]) == ("complete", "paid", None)


def test_a_declined_session_stays_open(account: Account, session: Json, event_log: Any) -> None:
    decline = checkout.pay(account, session, method(account, "chargeDeclinedInsufficientFunds"))

    assert decline is not None
    assert event_log.types == ["payment_intent.created", "charge.failed", "payment_intent.payment_failed"]
    error = event_log.last("payment_intent.payment_failed")["last_payment_error"]
    assert (error["code"], error["decline_code"]) == ("card_declined", "insufficient_funds")
    assert session["status"] == "open"
    assert session["payment_intent"] == event_log.last("payment_intent.payment_failed")["id"]


def test_a_second_attempt_uses_the_same_payment_intent(account: Account, session: Json, event_log: Any) -> None:
    checkout.pay(account, session, method(account, "chargeDeclined"))
    first = session["payment_intent"]
    checkout.pay(account, session, method(account))

    assert session["payment_intent"] == first
    assert event_log.types.count("payment_intent.created") == 1
    assert event_log.last("payment_intent.succeeded")["last_payment_error"] is None


def test_a_delayed_method_completes_the_session_unpaid(account: Account, session: Json, event_log: Any) -> None:
    checkout.pay(account, session, debit(account, "succeeded"))

    assert event_log.types[-3:] == ["payment_intent.processing", "charge.pending", "checkout.session.completed"]
    assert (session["status"], session["payment_status"]) == ("complete", "unpaid")


@pytest.mark.parametrize(("result", "status"), [("succeeded", "paid"), ("failed", "unpaid")])
def test_a_delayed_method_settles_when_it_is_due(
    account: Account, session: Json, event_log: Any, result: cards.Result, status: str
) -> None:
    checkout.pay(account, session, debit(account, result, after_seconds=60))
    account.clock.ahead = 59
    checkout.run_due(account)
    before = event_log.types[-1]
    account.clock.ahead = 60
    checkout.run_due(account)
    checkout.run_due(account)

    assert before == "checkout.session.completed"
    assert event_log.types.count(f"checkout.session.async_payment_{result}") == 1
    assert session["payment_status"] == status
    assert event_log.types[-2] == ("payment_intent.succeeded" if status == "paid" else "payment_intent.payment_failed")


def test_a_session_expires_by_itself(account: Account, session: Json, event_log: Any) -> None:
    account.clock.ahead = 24 * 3600 - 1
    checkout.run_due(account)
    before = list(event_log.types)
    account.clock.ahead += 1
    checkout.run_due(account)
    checkout.run_due(account)

    assert (before, event_log.types) == ([], ["checkout.session.expired"])
    assert (session["status"], session["url"]) == ("expired", None)


def test_a_paid_session_never_expires(account: Account, session: Json, event_log: Any) -> None:
    checkout.pay(account, session, method(account))
    account.clock.ahead = 25 * 3600
    checkout.run_due(account)

    assert "checkout.session.expired" not in event_log.types


def test_expiry_cancels_the_declined_payment_intent(account: Account, session: Json, event_log: Any) -> None:
    checkout.pay(account, session, method(account, "chargeDeclined"))
    checkout.expire(account, session)

    assert event_log.types[-2:] == ["payment_intent.canceled", "checkout.session.expired"]


@pytest.mark.parametrize("ending", ["paid", "expired"])
def test_a_closed_session_cannot_be_paid_or_expired(account: Account, session: Json, ending: str) -> None:
    checkout.pay(account, session, method(account)) if ending == "paid" else checkout.expire(account, session)

    with pytest.raises(StripeApiError):
        checkout.pay(account, session, method(account))
    with pytest.raises(StripeApiError):
        checkout.expire(account, session)


def test_only_the_offered_methods_are_accepted(account: Account, session: Json, event_log: Any) -> None:
    session["payment_method_types"] = ["card"]

    with pytest.raises(StripeApiError, match="does not accept sepa_debit"):
        checkout.pay(account, session, debit(account, "succeeded"))
    assert event_log.types == []


def test_a_free_session_completes_without_a_payment_intent(account: Account, session: Json, event_log: Any) -> None:
    session |= {"amount_total": 0, "payment_status": "no_payment_required"}

    checkout.complete_free(account, session, {"email": "customer@example.test"})

    assert event_log.types == ["checkout.session.completed"]
    assert (session["payment_status"], session["payment_intent"]) == ("no_payment_required", None)


def test_the_dispute_card_is_disputed_after_completion(account: Account, session: Json, event_log: Any) -> None:
    checkout.pay(account, session, method(account, "createDispute"))

    assert event_log.types[-3:] == [
        "checkout.session.completed",
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
    ]
    dispute = event_log.last("charge.dispute.created")
    assert (dispute["reason"], dispute["payment_intent"]) == ("fraudulent", session["payment_intent"])


def test_the_success_url_contains_the_session_id(session: Json) -> None:
    assert checkout.success_url(session) == f"https://merchant.test/success?session_id={session['id']}"


def test_a_payment_without_a_session_settles_alone(account: Account, event_log: Any) -> None:
    intent = charges.new_intent(account, 12000, "sgd")
    charges.attempt(account, intent, debit(account, "succeeded"))
    checkout.settle(account, intent, "succeeded")

    assert event_log.types[-1] == "payment_intent.succeeded"
