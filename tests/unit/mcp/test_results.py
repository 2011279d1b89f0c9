"""Checks the results of the tools and what they tell the agent to do."""

import pytest
from jsonschema import validate  # type: ignore[import-untyped]  # it ships no types

from lea_payments.mcp.errors import MESSAGES, OWN_CODES, ToolRefusalError
from lea_payments.mcp.results import NEXT_STEPS, OUTPUT_SCHEMA, PaymentResult, error_of, result_of
from lea_payments.payment.situations import RULES


def text_of(status: str, *, final: bool, reason: str | None = None, link: str | None = None) -> str:
    fields = {"payment_id": "mcp_1", "status": status, "reason": reason, "version": 1, "final": final, "link": link}
    payment = PaymentResult.model_validate(fields)
    result = result_of(payment)
    validate(result.structured_content, OUTPUT_SCHEMA)
    assert not result.is_error
    return str(getattr(result.content[0], "text", ""))


def test_every_status_has_a_next_step() -> None:
    assert {status for status, _ in NEXT_STEPS} == {rule.status for rule in RULES.values()}


@pytest.mark.parametrize(
    ("status", "final", "words"),
    [("completed", True, "has paid"), ("pending", True, "hand over to a person"), ("pending", False, "Not paid yet")],
)
def test_only_a_completed_payment_is_called_paid(status: str, final: bool, words: str) -> None:
    text = text_of(status, final=final)

    assert words in text
    assert ("has paid" in text) == (status == "completed")


def test_a_link_comes_with_how_to_hand_it_over() -> None:
    assert "exactly as it is" in text_of("pending", final=False, link="https://pay.example")


def test_a_canceled_link_is_not_offered_again() -> None:
    assert "cannot be paid" in text_of("expired", final=True, reason="canceled")


@pytest.mark.parametrize("code", ["unauthorized", "amount_over_cap"])
def test_an_error_has_its_code(code: str) -> None:
    result = error_of(ToolRefusalError(code, "for another reader", param="amount", retry_after=1))
    validate(result.structured_content, OUTPUT_SCHEMA)

    assert result.is_error
    assert result.structured_content["error"] == {
        "code": code,
        "message": MESSAGES.get(code, "for another reader"),
        "param": "amount",
        "retry_after": 1,
    }


def test_codes_of_the_tools_have_a_meaning() -> None:
    assert {*OWN_CODES} >= {"amount_over_cap", "checkout_unreachable"}
