"""Tests disputes from the opening to the decision."""

from collections.abc import Callable
from typing import Any, get_args

import pytest

from stripe_emulator.payments import disputes
from stripe_emulator.reference.errors import StripeApiError
from stripe_emulator.state.account import Account

Json = dict[str, Any]


@pytest.fixture
def intent(paid_intent: Callable[[], Json]) -> Json:
    return paid_intent()


@pytest.fixture
def dispute(account: Account, intent: Json, event_log: Any) -> Json:
    opened = disputes.open_dispute(account, intent, "product_not_received")
    event_log.clear()
    return opened


def test_a_new_dispute_withdraws_the_money(account: Account, intent: Json, event_log: Any) -> None:
    dispute = disputes.open_dispute(account, intent, "fraudulent", amount=5000)

    assert event_log.types[-2:] == ["charge.dispute.created", "charge.dispute.funds_withdrawn"]
    assert (dispute["status"], dispute["amount"], dispute["is_charge_refundable"]) == ("needs_response", 5000, False)
    assert disputes.of_charge(account, intent["latest_charge"]) == [dispute]


def test_an_inquiry_ends_without_a_winner(account: Account, intent: Json, event_log: Any) -> None:
    inquiry = disputes.open_dispute(account, intent, "fraudulent", inquiry=True)
    disputes.close(account, inquiry, "won")

    assert inquiry["status"] == "warning_closed"
    assert "charge.dispute.funds_withdrawn" not in event_log.types


@pytest.mark.parametrize(
    ("status", "last"), [("won", "charge.dispute.funds_reinstated"), ("lost", "charge.dispute.closed")]
)
def test_only_a_won_dispute_returns_the_money(
    account: Account, dispute: Json, event_log: Any, status: str, last: str
) -> None:
    disputes.close(account, dispute, status)

    assert (dispute["status"], event_log.types[-1]) == (status, last)
    assert dispute["is_charge_refundable"] == (status == "won")


def test_a_closed_dispute_stays_closed(account: Account, dispute: Json) -> None:
    disputes.close(account, dispute, "won")

    with pytest.raises(StripeApiError, match="already closed"):
        disputes.close(account, dispute, "lost")
    with pytest.raises(StripeApiError, match="already closed"):
        disputes.answer(account, dispute, {}, {"a": "b"}, submit=True)


@pytest.mark.usefixtures("dispute")
def test_a_charge_is_disputed_at_most_once(account: Account, intent: Json) -> None:
    with pytest.raises(StripeApiError, match="undisputed"):
        disputes.open_dispute(account, intent, "fraudulent")


def test_a_dispute_cannot_exceed_its_charge(account: Account, intent: Json) -> None:
    with pytest.raises(StripeApiError, match="cannot exceed"):
        disputes.open_dispute(account, intent, "fraudulent", amount=12001)


def test_a_declined_charge_cannot_be_disputed(account: Account, paid_intent: Callable[[str], Json]) -> None:
    with pytest.raises(StripeApiError, match="Only a succeeded"):
        disputes.open_dispute(account, paid_intent("chargeDeclined"), "fraudulent")


@pytest.mark.parametrize(
    ("card", "status"), [("createDispute", "needs_response"), ("createDisputeInquiry", "warning_needs_response")]
)
def test_some_test_cards_are_always_disputed(
    account: Account, paid_intent: Callable[[str], Json], card: str, status: str
) -> None:
    intent = paid_intent(card)
    disputes.open_if_test_card(account, intent)

    assert [dispute["status"] for dispute in disputes.of_charge(account, intent["latest_charge"])] == [status]


def test_other_test_cards_are_not_disputed(account: Account, intent: Json) -> None:
    disputes.open_if_test_card(account, intent)

    assert disputes.of_charge(account, intent["latest_charge"]) == []


def test_evidence_is_staged_before_it_is_submitted(account: Account, dispute: Json, event_log: Any) -> None:
    disputes.answer(account, dispute, {"customer_name": "Tan Ah Kow"}, None, submit=False)
    staged = (dispute["status"], dispute["evidence_details"]["submission_count"])
    disputes.answer(account, dispute, {"customer_name": "Tan"}, {"a": "b"}, submit=True)

    assert staged == ("needs_response", 0)
    assert (dispute["status"], dispute["evidence_details"]["submission_count"]) == ("under_review", 1)
    assert event_log[-1]["data"]["previous_attributes"] == {"status": "needs_response", "metadata": {}}


def test_metadata_alone_submits_nothing(account: Account, dispute: Json) -> None:
    disputes.answer(account, dispute, {}, {"a": "b"}, submit=True)

    assert (dispute["status"], dispute["metadata"]) == ("needs_response", {"a": "b"})
    assert not dispute["evidence_details"]["has_evidence"]


def test_a_chargeback_may_follow_an_inquiry(account: Account, intent: Json) -> None:
    inquiry = disputes.open_dispute(account, intent, "fraudulent", inquiry=True)
    disputes.close(account, inquiry, "lost")
    chargeback = disputes.open_dispute(account, intent, "fraudulent")

    assert disputes.of_charge(account, intent["latest_charge"]) == [inquiry, chargeback]
    assert inquiry["id"] != chargeback["id"]
    assert [one["status"] for one in (inquiry, chargeback)] == ["warning_closed", "needs_response"]


def test_partial_disputes_add_up_to_the_charge(account: Account, intent: Json) -> None:
    first = disputes.open_dispute(account, intent, "fraudulent", amount=5000)
    with pytest.raises(StripeApiError, match="cannot exceed"):
        disputes.open_dispute(account, intent, "fraudulent", amount=7001)
    second = disputes.open_dispute(account, intent, "product_not_received")

    assert (first["amount"], second["amount"]) == (5000, 7000)


def test_a_won_amount_can_be_disputed_again(account: Account, intent: Json, dispute: Json) -> None:
    disputes.close(account, dispute, "won")

    assert disputes.open_dispute(account, intent, "fraudulent")["amount"] == 12000


@pytest.mark.parametrize("status", get_args(disputes.Status))
def test_a_dispute_can_move_to_every_status(account: Account, dispute: Json, event_log: Any, status: str) -> None:
    disputes.move(account, dispute, status)

    is_open = status in disputes.STATUS_AFTER_EVIDENCE
    assert dispute["status"] == status
    assert event_log.types[0] == ("charge.dispute.updated" if is_open else "charge.dispute.closed")
    assert event_log[0]["data"]["object"]["status"] == status


@pytest.mark.parametrize(
    ("statuses", "money"),
    [
        (["won"], ["funds_reinstated"]),
        (["lost", "appeal_needs_response", "appeal_under_review", "won"], ["funds_reinstated"]),
        (["won", "appeal_needs_response", "lost"], ["funds_reinstated", "funds_withdrawn"]),
        (["prevented"], ["funds_reinstated"]),
        (["under_review", "lost"], []),
    ],
    ids=["won", "appeal won", "appeal lost", "prevented", "lost"],
)
def test_the_money_follows_the_decision(
    account: Account, dispute: Json, event_log: Any, statuses: list[str], money: list[str]
) -> None:
    for status in statuses:
        disputes.move(account, dispute, status)

    moved = [name.removeprefix("charge.dispute.") for name in event_log.types if ".funds_" in name]
    assert moved == money


def test_an_appeal_sets_a_new_due_date(account: Account, dispute: Json) -> None:
    account.clock.ahead += 3600
    disputes.move(account, dispute, "appeal_needs_response")
    automatic = dispute["evidence_details"]["due_by"]
    disputes.move(account, dispute, "appeal_needs_response", due_by=account.now() + 60)

    assert automatic == account.now() + disputes.RESPONSE_SECONDS
    assert dispute["evidence_details"]["due_by"] == account.now() + 60


def test_evidence_answers_an_appeal(account: Account, dispute: Json) -> None:
    disputes.move(account, dispute, "appeal_needs_response")
    disputes.answer(account, dispute, {"customer_name": "Tan Ah Kow"}, None, submit=True)

    assert dispute["status"] == "appeal_under_review"


def test_one_test_card_is_disputed_twice(account: Account, paid_intent: Callable[[str], Json]) -> None:
    intent = paid_intent("createMultipleDisputes")
    disputes.open_if_test_card(account, intent)

    assert [one["amount"] for one in disputes.of_charge(account, intent["latest_charge"])] == [6000, 6000]


def test_a_prevented_dispute_withdraws_nothing(account: Account, intent: Json, event_log: Any) -> None:
    prevented = disputes.open_dispute(account, intent, "fraudulent", status="prevented")
    later = disputes.open_dispute(account, intent, "fraudulent", amount=5000)

    assert (prevented["status"], prevented["evidence_details"]["due_by"]) == ("prevented", None)
    assert event_log.types.count("charge.dispute.funds_withdrawn") == 1
    assert later["amount"] == 5000
