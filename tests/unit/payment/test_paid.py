from typing import Any

import pytest
from lea_payments.payment.rules import PAID_TWICE, REVIEW_RULE, RULES
from lea_payments.payment.transitions import change_for
from msgspec.structs import replace

from lea_payments.payment.event import Fact, Outcome, PaymentEvent
from lea_payments.payment.record import Payment, Status
from tests.support.scenarios import record


def _event(fact: Fact, **fields: Any) -> PaymentEvent:
    defaults: dict[str, Any] = {"session_id": "cs_test_a", "amount": 4999, "currency": "sgd"}
    return PaymentEvent(id="evt_1", type="some.type", created=0, fact=fact, **(defaults | fields))


def _paid_by(intent_id: str | None, session_id: str = "cs_test_a", **fields: Any) -> Payment:
    rule = RULES[Fact.PAID]
    paid = replace(record("payment_1"), payment_status=rule.status, status_rank=rule.rank)
    return replace(paid, stripe_payment_intent=intent_id, stripe_session_id=session_id, **fields)


def _in_review(reason: str) -> Payment:
    review = replace(record("payment_1"), payment_status=REVIEW_RULE.status, status_rank=REVIEW_RULE.rank)
    return replace(review, status_reason=reason, stripe_payment_intent="pi_a")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"amount": 1}, "amount_mismatch"),
        ({"currency": "usd"}, "currency_mismatch"),
        ({"currency": None}, "currency_mismatch"),
        ({"currency": "usd", "amount": 1}, "currency_mismatch"),
    ],
)
def test_another_amount_or_currency_is_a_review(fields: dict[str, Any], reason: str) -> None:
    change = change_for(record("payment_1"), _event(Fact.PAID, **fields))

    assert change.outcome is Outcome.REVIEW
    assert (change.fields["status_rank"], change.fields["status_reason"]) == (REVIEW_RULE.rank, reason)


def test_the_requested_amount_resolves_a_review() -> None:
    change = change_for(_in_review("amount_mismatch"), _event(Fact.PAID, stripe_payment_intent="pi_a"))

    assert (change.fields["payment_status"], change.fields["status_reason"]) == (Status.COMPLETED, None)


def test_another_amount_does_not_lower_a_completed_payment() -> None:
    change = change_for(_paid_by("pi_a"), _event(Fact.PAID, amount=1, stripe_payment_intent="pi_a"))

    assert change.outcome is Outcome.STALE


def test_the_same_review_again_is_a_duplicate() -> None:
    event = _event(Fact.PAID, amount=1, stripe_payment_intent="pi_a")

    assert change_for(_in_review("amount_mismatch"), event).outcome is Outcome.DUPLICATE


@pytest.mark.parametrize(
    ("first", "second", "payer"),
    [
        ("pi_a", "pi_b", ("pi_a", "cs_test_a")),
        ("pi_b", "pi_a", ("pi_a", "cs_test_b")),
    ],
)
def test_the_smaller_id_of_two_payers_is_recorded(first: str, second: str, payer: tuple[str, str]) -> None:
    event = _event(Fact.PAID, stripe_payment_intent=second, session_id="cs_test_b")

    fields = change_for(_paid_by(first), event).fields

    assert fields["status_reason"] == PAID_TWICE
    assert (fields["stripe_payment_intent"], fields["stripe_session_id"]) == payer


def test_a_payer_with_a_payment_intent_replaces_one_without() -> None:
    event = _event(Fact.PAID, stripe_payment_intent="pi_b", session_id="cs_test_b")

    fields = change_for(_paid_by(None), event).fields

    assert (fields["status_reason"], fields["stripe_payment_intent"]) == (None, "pi_b")


@pytest.mark.parametrize("current", ["pi_a", None], ids=["paid", "free of charge"])
def test_a_free_session_does_not_replace_the_payer(current: str | None) -> None:
    event = _event(Fact.PAID, stripe_payment_intent=None, session_id="cs_test_b")

    assert change_for(_paid_by(current), event).outcome is Outcome.DUPLICATE
