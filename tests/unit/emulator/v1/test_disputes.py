"""Disputes through the API."""

from collections.abc import Callable
from typing import Any

import pytest

from stripe_emulator.calls.call import Call
from stripe_emulator.payments import disputes as life_cycle
from stripe_emulator.reference.errors import ApiError
from stripe_emulator.state.account import Account
from stripe_emulator.v1 import disputes

Json = dict[str, Any]
Ask = Callable[..., Call]


@pytest.fixture
def intent(paid_intent: Callable[[], Json]) -> Json:
    return paid_intent()


@pytest.fixture
def dispute(account: Account, intent: Json, emitted: Any) -> Json:
    opened = life_cycle.open_dispute(account, intent, "product_not_received")
    emitted.clear()
    return opened


def test_evidence_is_submitted_to_the_bank(account: Account, ask: Ask, dispute: Json, emitted: Any) -> None:
    disputes.update(account, ask(dispute["id"], evidence={"customer_name": "Tan Ah Kow"}))

    assert dispute["status"] == "under_review"
    assert emitted.types == ["charge.dispute.updated"]
    assert emitted[0]["data"]["previous_attributes"] == {"status": "needs_response"}


def test_staged_evidence_is_not_submitted(account: Account, ask: Ask, dispute: Json) -> None:
    disputes.update(account, ask(dispute["id"], evidence={"customer_name": "Tan Ah Kow"}, submit=False))

    assert dispute["status"] == "needs_response"
    assert dispute["evidence"] == {"customer_name": "Tan Ah Kow"}


@pytest.mark.parametrize(
    ("text", "status", "last"),
    [
        ("winning_evidence", "won", "charge.dispute.funds_reinstated"),
        ("losing_evidence", "lost", "charge.dispute.closed"),
    ],
)
def test_stripe_s_test_evidence_decides_the_dispute(
    account: Account, ask: Ask, dispute: Json, emitted: Any, text: str, status: str, last: str
) -> None:
    disputes.update(account, ask(dispute["id"], evidence={"uncategorized_text": text}))

    assert (dispute["status"], emitted.types[-1]) == (status, last)


def test_closing_a_dispute_loses_it(account: Account, ask: Ask, dispute: Json, emitted: Any) -> None:
    disputes.close(account, ask(dispute["id"]))

    assert emitted.last("charge.dispute.closed")["status"] == "lost"


def test_a_closed_dispute_stays_closed(account: Account, ask: Ask, dispute: Json) -> None:
    life_cycle.close(account, dispute, "won")

    with pytest.raises(ApiError, match="already closed"):
        life_cycle.close(account, dispute, "lost")
    with pytest.raises(ApiError, match="already closed"):
        disputes.update(account, ask(dispute["id"], metadata={"a": "b"}))


def test_disputes_are_listed_by_their_payment(account: Account, ask: Ask, intent: Json, dispute: Json) -> None:
    assert disputes.list_all(account, ask(payment_intent=intent["id"]))["data"] == [dispute]
    assert disputes.list_all(account, ask(charge="ch_1"))["data"] == []
    assert disputes.retrieve(account, ask(dispute["id"])) is dispute
