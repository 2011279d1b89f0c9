"""Disputes, from opening to verdict."""

from collections.abc import Callable
from typing import Any

import pytest

from stripe_emulator.calls.calls import Call
from stripe_emulator.payments import charging
from stripe_emulator.reference import cards
from stripe_emulator.reference.errors import ApiError
from stripe_emulator.state.account import Account
from stripe_emulator.v1 import disputes

Json = dict[str, Any]
Ask = Callable[..., Call]


@pytest.fixture
def intent(account: Account) -> Json:
    made = charging.new_intent(account, 12000, "sgd", payment_method_types=["card"])
    charging.attempt(account, made, charging.new_method(account, cards.CARDS["visa"]))
    return made


@pytest.fixture
def dispute(account: Account, intent: Json, emitted: Any) -> Json:
    opened = disputes.open_dispute(account, intent, "product_not_received")
    emitted.clear()
    return opened


def test_evidence_goes_to_the_bank(account: Account, ask: Ask, dispute: Json, emitted: Any) -> None:
    disputes.update(account, ask(dispute["id"], evidence={"customer_name": "Tan Ah Kow"}))

    assert dispute["status"] == "under_review"
    assert emitted.types == ["charge.dispute.updated"]
    assert emitted[0]["data"]["previous_attributes"] == {"status": "needs_response"}


def test_staged_evidence_stays_here(account: Account, ask: Ask, dispute: Json) -> None:
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
def test_test_evidence_decides(
    account: Account, ask: Ask, dispute: Json, emitted: Any, text: str, status: str, last: str
) -> None:
    disputes.update(account, ask(dispute["id"], evidence={"uncategorized_text": text}))

    assert (dispute["status"], emitted.types[-1]) == (status, last)


def test_closing_it_oneself_loses_it(account: Account, ask: Ask, dispute: Json, emitted: Any) -> None:
    disputes.accept(account, ask(dispute["id"]))

    assert emitted.last("charge.dispute.closed")["status"] == "lost"


def test_an_inquiry_ends_without_a_winner(account: Account, intent: Json, emitted: Any) -> None:
    inquiry = disputes.open_dispute(account, intent, "fraudulent", inquiry=True)
    disputes.close(account, inquiry, "won")

    assert inquiry["status"] == "warning_closed"
    assert "charge.dispute.funds_withdrawn" not in emitted.types


def test_a_closed_dispute_stays_closed(account: Account, ask: Ask, dispute: Json) -> None:
    disputes.close(account, dispute, "won")

    with pytest.raises(ApiError, match="already closed"):
        disputes.close(account, dispute, "lost")
    with pytest.raises(ApiError, match="already closed"):
        disputes.update(account, ask(dispute["id"], metadata={"a": "b"}))


@pytest.mark.usefixtures("dispute")
def test_a_charge_is_disputed_once(account: Account, intent: Json) -> None:
    with pytest.raises(ApiError, match="undisputed"):
        disputes.open_dispute(account, intent, "fraudulent")


def test_no_more_is_disputed_than_was_paid(account: Account, intent: Json) -> None:
    with pytest.raises(ApiError, match="cannot exceed"):
        disputes.open_dispute(account, intent, "fraudulent", amount=12001)
