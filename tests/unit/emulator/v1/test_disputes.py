"""Tests disputes through the API."""

from collections.abc import Callable
from typing import Any

import pytest

from stripe_emulator.calls.call import ApiCall
from stripe_emulator.payments import disputes as life_cycle
from stripe_emulator.reference.errors import StripeApiError
from stripe_emulator.state.account import Account
from stripe_emulator.v1 import disputes

Json = dict[str, Any]
MakeCall = Callable[..., ApiCall]


@pytest.fixture
def intent(paid_intent: Callable[[], Json]) -> Json:
    return paid_intent()


@pytest.fixture
def dispute(account: Account, intent: Json, event_log: Any) -> Json:
    opened = life_cycle.open_dispute(account, intent, "product_not_received")
    event_log.clear()
    return opened


def test_evidence_is_submitted_to_the_bank(account: Account, call: MakeCall, dispute: Json, event_log: Any) -> None:
    disputes.update(account, call(dispute["id"], evidence={"customer_name": "Tan Ah Kow"}))

    assert dispute["status"] == "under_review"
    assert event_log.types == ["charge.dispute.updated"]
    assert event_log[0]["data"]["previous_attributes"] == {"status": "needs_response"}


def test_staged_evidence_is_not_submitted(account: Account, call: MakeCall, dispute: Json) -> None:
    disputes.update(account, call(dispute["id"], evidence={"customer_name": "Tan Ah Kow"}, submit=False))

    assert dispute["status"] == "needs_response"
    assert dispute["evidence"] == {"customer_name": "Tan Ah Kow"}


@pytest.mark.parametrize(
    ("text", "status", "last"),
    [
        ("winning_evidence", "won", "charge.dispute.funds_reinstated"),
        ("losing_evidence", "lost", "charge.dispute.closed"),
    ],
)
def test_stripes_test_evidence_decides_the_dispute(
    account: Account, call: MakeCall, dispute: Json, event_log: Any, text: str, status: str, last: str
) -> None:
    disputes.update(account, call(dispute["id"], evidence={"uncategorized_text": text}))

    assert (dispute["status"], event_log.types[-1]) == (status, last)


def test_closing_a_dispute_loses_it(account: Account, call: MakeCall, dispute: Json, event_log: Any) -> None:
    disputes.close(account, call(dispute["id"]))

    assert event_log.last("charge.dispute.closed")["status"] == "lost"


def test_a_closed_dispute_stays_closed(account: Account, call: MakeCall, dispute: Json) -> None:
    life_cycle.close(account, dispute, "won")

    with pytest.raises(StripeApiError, match="already closed"):
        life_cycle.close(account, dispute, "lost")
    with pytest.raises(StripeApiError, match="already closed"):
        disputes.update(account, call(dispute["id"], metadata={"a": "b"}))


def test_disputes_are_listed_by_their_payment(account: Account, call: MakeCall, intent: Json, dispute: Json) -> None:
    assert disputes.list_all(account, call(payment_intent=intent["id"]))["data"] == [dispute]
    assert disputes.list_all(account, call(charge="ch_1"))["data"] == []
    assert disputes.retrieve(account, call(dispute["id"])) is dispute


def test_an_inquiry_can_become_a_chargeback(account: Account, call: MakeCall, intent: Json, event_log: Any) -> None:
    inquiry = life_cycle.open_dispute(account, intent, "fraudulent", inquiry=True)
    disputes.update(account, call(inquiry["id"], evidence={"uncategorized_text": "escalate_inquiry_evidence"}))

    assert inquiry["status"] == "needs_response"
    assert inquiry["payment_method_details"]["card"]["case_type"] == "chargeback"
    assert event_log.types[-2:] == ["charge.dispute.updated", "charge.dispute.funds_withdrawn"]


def test_only_an_inquiry_can_be_escalated(account: Account, call: MakeCall, dispute: Json) -> None:
    disputes.update(account, call(dispute["id"], evidence={"uncategorized_text": "escalate_inquiry_evidence"}))

    assert dispute["status"] == "under_review"
