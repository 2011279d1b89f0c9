import pytest

from lea_payments.payment.facts import STATES, Kind
from lea_payments.payment.record import DisputeStatus, Status
from lea_payments.payment.situations import (
    DISPUTES,
    REVIEW_REASONS,
    RULES,
    WORST_DISPUTES,
    CanPay,
    Situation,
)


def test_every_situation_has_a_rule_in_order() -> None:
    assert [*RULES] == [*Situation]


def test_money_that_arrived_outweighs_money_on_its_way() -> None:
    assert [rule.rank for rule in RULES.values()] == [50, 50, 45, 30, 40, 20, 10, 0]


def test_each_rank_of_0_1_0_stands_for_one_status() -> None:
    statuses = {(rule.rank, rule.status) for rule in RULES.values()}

    assert len(statuses) == len({rank for rank, _ in statuses})


def test_nobody_pays_again_while_money_is_there_or_on_its_way() -> None:
    closed = [situation for situation, rule in RULES.items() if rule.can_pay is CanPay.NO]

    assert closed == ["paid_twice", "paid", "mismatch", "awaiting_funds"]


@pytest.mark.parametrize("situation", [Situation.ASYNC_FAILED, Situation.EXPIRED])
def test_a_session_that_ended_needs_a_new_link(situation: Situation) -> None:
    assert RULES[situation].can_pay is CanPay.WITH_NEW_LINK


def test_the_status_of_each_situation_is_a_published_one() -> None:
    assert {rule.status for rule in RULES.values()} == {*Status}


def test_every_state_of_a_dispute_has_a_published_status() -> None:
    assert DISPUTES.keys() == {*STATES[Kind.DISPUTE]}


def test_every_published_status_of_a_dispute_has_an_order() -> None:
    assert {*WORST_DISPUTES} == {*DisputeStatus} - {DisputeStatus.NONE}
    assert WORST_DISPUTES[0] is DisputeStatus.OPEN


def test_these_reasons_need_a_person() -> None:
    assert {*REVIEW_REASONS} == {
        "amount_mismatch",
        "currency_mismatch",
        "paid_twice",
        "early_fraud_warning",
        "too_many_objects",
    }
