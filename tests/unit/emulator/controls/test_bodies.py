"""Tests the bodies of the emulator's own controls."""

import re
from typing import Any, get_args

import pytest
import stripe
from pydantic import ValidationError

from stripe_emulator.controls.bodies import (
    AdvanceBody,
    Body,
    CloseQuery,
    DisputeBody,
    DisputeStatusBody,
    FailureBody,
    OriginBody,
    PayBody,
    SecretsBody,
    SettleQuery,
    WarningBody,
)
from stripe_emulator.payments.disputes import Reason, Status
from stripe_emulator.reference import cards


def test_an_empty_payment_is_a_test_card() -> None:
    body = PayBody.model_validate({})

    assert (body.method, body.card, body.wait) == ("card", "4242424242424242", True)


def test_a_payment_accepts_numbers() -> None:
    body = PayBody.model_validate({"card": 4242424242424242, "cvc": 123, "after_seconds": 3600})

    assert (body.card, body.cvc, body.after_seconds) == ("4242424242424242", "123", "3600")


def test_a_refund_fails_for_the_usual_reason() -> None:
    assert FailureBody.model_validate({}).reason == "expired_or_canceled_card"


def test_a_dispute_takes_every_published_status() -> None:
    hint = stripe.Dispute.__annotations__["status"]
    published = re.findall(r"'(\w+)'|\"(\w+)\"", str(hint))

    assert {first or second for first, second in published} == set(get_args(Status))


@pytest.mark.parametrize("card", cards.CARDS.values(), ids=cards.CARDS)
def test_a_dispute_takes_the_reason_of_every_card(card: cards.Instrument) -> None:
    assert card.dispute in (None, *get_args(Reason))


@pytest.mark.parametrize(
    ("model", "values"),
    [
        (PayBody, {"colour": "red"}),
        (PayBody, {"method": "cash"}),
        (PayBody, {"outcome": "maybe"}),
        (PayBody, {"wait": "perhaps"}),
        (SettleQuery, {}),
        (SettleQuery, {"result": ""}),
        (CloseQuery, {}),
        (CloseQuery, {"status": "needs_response"}),
        (SecretsBody, {}),
        (SecretsBody, {"secrets": []}),
        (SecretsBody, {"secrets": [""]}),
        (SecretsBody, {"secrets": "whsec_a"}),
        (DisputeBody, {}),
        (DisputeBody, {"payment_intent": 1}),
        (DisputeBody, {"payment_intent": "pi_1", "amount": 0}),
        (DisputeBody, {"payment_intent": "pi_1", "reason": 1}),
        (DisputeBody, {"payment_intent": "pi_1", "reason": "bad luck"}),
        (DisputeBody, {"payment_intent": "pi_1", "status": "settled"}),
        (DisputeStatusBody, {}),
        (DisputeStatusBody, {"status": "settled"}),
        (DisputeStatusBody, {"status": "won", "due_by": -1}),
        (FailureBody, {"reason": "bad luck"}),
        (WarningBody, {"fraud_type": "misc"}),
        (WarningBody, {"payment_intent": "pi_1", "fraud_type": "rumour"}),
        (OriginBody, {"account": ""}),
        (OriginBody, {"livemode": "yes"}),
        (AdvanceBody, {}),
        (AdvanceBody, {"seconds": -1}),
        (AdvanceBody, {"seconds": "60"}),
        (AdvanceBody, {"seconds": True}),
    ],
)
def test_invalid_bodies_are_refused(model: type[Body], values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        model.model_validate(values)
