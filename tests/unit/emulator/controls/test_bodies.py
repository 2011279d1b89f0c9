"""Tests the bodies of the emulator's own controls."""

from typing import Any

import pytest
from pydantic import ValidationError

from stripe_emulator.controls.bodies import AdvanceBody, Body, DisputeBody, PayBody, SecretsBody


def test_an_empty_payment_is_a_test_card() -> None:
    body = PayBody.model_validate({})

    assert (body.method, body.card, body.wait) == ("card", "4242424242424242", True)


def test_a_payment_accepts_numbers() -> None:
    body = PayBody.model_validate({"card": 4242424242424242, "cvc": 123, "after_seconds": 3600})

    assert (body.card, body.cvc, body.after_seconds) == ("4242424242424242", "123", "3600")


@pytest.mark.parametrize(
    ("model", "values"),
    [
        (PayBody, {"colour": "red"}),
        (SecretsBody, {}),
        (SecretsBody, {"secrets": []}),
        (SecretsBody, {"secrets": [""]}),
        (SecretsBody, {"secrets": "whsec_a"}),
        (DisputeBody, {}),
        (DisputeBody, {"payment_intent": 1}),
        (DisputeBody, {"payment_intent": "pi_1", "amount": 0}),
        (DisputeBody, {"payment_intent": "pi_1", "reason": 1}),
        (AdvanceBody, {}),
        (AdvanceBody, {"seconds": -1}),
        (AdvanceBody, {"seconds": "60"}),
        (AdvanceBody, {"seconds": True}),
    ],
)
def test_invalid_bodies_are_refused(model: type[Body], values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        model.model_validate(values)
