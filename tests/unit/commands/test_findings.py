"""What `show` prints about payments that a search has found, and about what has no record."""

from typing import Any

import pytest

from lea_payments.commands.at_stripe.differences import Difference
from lea_payments.commands.at_stripe.search import Match
from lea_payments.commands.at_stripe.state import StripeState
from lea_payments.commands.showing.findings import Findings, PaymentView, as_text
from tests.support.scenarios import record

DIFFERENCE = Difference("a refund is missing", "run lea-payments reconciler --once")


def _state(**fields: Any) -> StripeState:
    return StripeState([], [], [], [], [], record("payment_1"), needs_person=False)._replace(**fields)


def _lines(findings: Findings) -> list[str]:
    return [line.plain.strip() for line in as_text(findings, 80)]


@pytest.mark.parametrize(
    ("state", "verdict"),
    [
        (_state(), "the record and Stripe agree"),
        (_state(differences=[DIFFERENCE]), "the record differs from Stripe: 1 difference"),
        (_state(not_compared=["refunds"]), "not everything was compared"),
        (_state(needs_person=True), "a person must look at it"),
    ],
    ids=["agrees", "differs", "not compared", "needs a person"],
)
def test_a_list_says_how_each_payment_compares(state: StripeState, verdict: str) -> None:
    views = [PaymentView(record("payment_1"), state), PaymentView(record("payment_2"), None)]

    assert verdict in _lines(Findings("payments", views))


def test_an_object_without_a_record_is_shown_with_advice() -> None:
    shown = {"object": "checkout.session", "id": "cs_test_1", "status": "open", "payment_status": "unpaid"}
    findings = Findings("payments", [], [Match({**shown, "amount_total": "SGD 49.99"})], ["the search was cut"])

    lines = _lines(findings)

    assert lines[0] == "Not paid: the link at Stripe is open for SGD 49.99, but it has no record."
    assert any(line.endswith("cs_test_1") for line in lines)
    assert any(line.startswith("→ It names no payment of ours") for line in lines)
    assert lines[-1] == "the search was cut"


def test_a_note_is_a_line_of_the_comparison() -> None:
    state = _state(notes=["Stripe knows the product by another name"])

    assert "i Stripe knows the product by another name" in _lines(
        Findings("payments", [PaymentView(record("p"), state)])
    )
