import pytest
from msgspec.structs import replace

from lea_payments.payment.facts import OVERFLOW, OVERFLOW_ID, Fact, Facts, Kind
from lea_payments.payment.record import DisputeStatus
from lea_payments.payment.status import BY_HAND_DISPUTE, Derived, status_of
from tests.support.scenarios import record

PAID = Fact(kind=Kind.SESSION, state="paid", amount=4999, currency="sgd", intent="pi_a")
PAID_A, PAID_B = {"cs_test_a": PAID}, {"cs_test_b": replace(PAID, intent="pi_b")}
WRONG_A = {"cs_test_a": replace(PAID, amount=1)}


def _refund(amount: int, intent: str) -> Fact:
    return Fact(kind=Kind.REFUND, state="succeeded", amount=amount, intent=intent)


def _status(facts: Facts, amount: int | None = 4999) -> Derived:
    return status_of(replace(record("payment_1"), facts=facts, amount=amount))


WARNING = Fact(kind=Kind.WARNING, state="actionable", intent="pi_a")


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({**PAID_A, "issfr_1": WARNING}, "early_fraud_warning"),
        ({**PAID_A, "issfr_1": replace(WARNING, state="not_actionable")}, None),
        ({**PAID_A, "issfr_1": replace(WARNING, intent=None)}, "early_fraud_warning"),
        ({**PAID_A, "issfr_1": WARNING, "re_1": _refund(4998, "pi_a")}, "early_fraud_warning"),
        ({**PAID_A, "issfr_1": WARNING, "re_1": _refund(4999, "pi_a")}, None),
        ({**PAID_A, **PAID_B, "issfr_1": WARNING}, "paid_twice"),
        ({**WRONG_A, "issfr_1": WARNING}, "amount_mismatch"),
        ({"issfr_1": WARNING}, None),
    ],
)
def test_a_fraud_warning_about_kept_money_is_a_reason(facts: Facts, reason: str | None) -> None:
    assert _status(facts).reason == reason


def test_a_warning_is_settled_by_a_refund_of_what_was_paid() -> None:
    facts = {**PAID_A, "issfr_1": WARNING, "re_1": _refund(4999, "pi_a")}

    assert _status(facts, amount=None).reason is None


@pytest.mark.parametrize("facts", [{}, PAID_A, WRONG_A, {**PAID_A, "issfr_1": WARNING}])
def test_lost_facts_outweigh_every_other_reason(facts: Facts) -> None:
    assert _status({**facts, OVERFLOW_ID: OVERFLOW}).reason == "too_many_objects"


@pytest.mark.parametrize(
    ("states", "status"),
    [
        ([], "none"),
        (["warning_needs_response"], "open"),
        (["warning_under_review"], "review"),
        (["warning_closed"], "won"),
        (["needs_response"], "open"),
        (["under_review"], "review"),
        (["won"], "won"),
        (["lost"], "lost"),
        (["prevented"], "won"),
        (["appeal_needs_response"], "open"),
        (["appeal_under_review"], "review"),
        (["of_tomorrow"], "open"),
        (["won", "lost"], "lost"),
        (["lost", "under_review"], "review"),
        (["under_review", "needs_response"], "open"),
        (["lost", "of_tomorrow"], "open"),
    ],
)
def test_the_worst_dispute_is_published(states: list[str], status: str) -> None:
    facts = {f"du_{number}": Fact(kind=Kind.DISPUTE, state=state) for number, state in enumerate(states)}

    assert _status(facts).dispute_status == status


def test_a_dispute_by_hand_serves_while_none_is_known() -> None:
    by_hand = {BY_HAND_DISPUTE: Fact(kind=Kind.DISPUTE, state="needs_response")}

    assert _status(by_hand).dispute_status is DisputeStatus.OPEN
    assert _status({**by_hand, "du_1": Fact(kind=Kind.DISPUTE, state="won")}).dispute_status is DisputeStatus.WON
