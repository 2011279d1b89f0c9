from collections.abc import Mapping, Sequence

import pytest
from msgspec.structs import replace

from lea_payments.payment.facts import STATES, Fact, Kind, with_fact
from lea_payments.payment.record import DisputeStatus, Payment, Status
from lea_payments.payment.situations import (
    DISPUTES,
    REVIEW_REASONS,
    RULES,
    WORST_DISPUTES,
    CanPay,
    Situation,
)
from lea_payments.payment.status import status_of


def _session(state: str, amount: int = 12000) -> Fact:
    return Fact(kind=Kind.SESSION, state=state, amount=amount, currency="sgd", intent="pi_a")


def _decline(intent_id: str) -> Fact:
    return Fact(kind=Kind.INTENT, state="declined", code="card_declined", intent=intent_id)


def test_every_situation_has_a_rule_in_order() -> None:
    assert [*RULES] == [*Situation]


def test_money_that_arrived_outweighs_money_on_its_way() -> None:
    assert [rule.rank for rule in RULES.values()] == [50, 50, 45, 30, 20, 40, 20, 10, 0]


def test_each_rank_of_0_1_0_stands_for_one_status() -> None:
    statuses = {(rule.rank, rule.status) for rule in RULES.values()}

    assert len(statuses) == len({rank for rank, _ in statuses})


def test_nobody_pays_what_is_paid_or_canceled() -> None:
    closed = [situation for situation, rule in RULES.items() if rule.can_pay is CanPay.NO]

    assert closed == ["paid_twice", "paid", "mismatch", "awaiting_funds", "canceled"]


@pytest.mark.parametrize("situation", [Situation.ASYNC_FAILED, Situation.EXPIRED])
def test_a_session_that_ended_needs_a_new_link(situation: Situation) -> None:
    assert RULES[situation].can_pay is CanPay.WITH_NEW_LINK


def test_a_status_that_customer_or_bank_can_change_is_not_final() -> None:
    changeable = [situation for situation, rule in RULES.items() if not rule.final]

    assert changeable == ["awaiting_funds", "declined", "pending"]


def test_nothing_is_final_while_the_link_can_be_paid() -> None:
    assert not [rule for rule in RULES.values() if rule.final and rule.can_pay is CanPay.YES]


_LIVES: Mapping[str, Sequence[Fact]] = {
    "paid": [_decline("pi_a"), _session("open"), _session("paid")],
    "declined and expired": [_decline("pi_a"), _decline("pi_b"), _session("expired")],
    "expired": [_session("expired")],
    "delayed and paid": [_session("unpaid"), _session("paid")],
    "delayed and failed": [_session("unpaid"), _session("failed")],
    "paid wrongly": [_session("paid", amount=1)],
}
_LATER: Sequence[Fact] = [
    Fact(kind=Kind.REFUND, state="succeeded", amount=12000, intent="pi_a"),
    Fact(kind=Kind.DISPUTE, state="lost", amount=12000, intent="pi_a"),
    Fact(kind=Kind.WARNING, state="actionable", intent="pi_a"),
]


@pytest.mark.parametrize("life", _LIVES)
def test_a_final_status_stays_in_every_ordinary_life(life: str) -> None:
    record = Payment(payment_intent_id="payment_1", amount=12000, currency="sgd", stripe_session_id="cs_a")
    finals: list[Status] = []
    for number, fact in enumerate([*_LIVES[life], *_LATER]):
        object_id = "cs_a" if fact.kind == Kind.SESSION else fact.intent if fact.kind == Kind.INTENT else f"x_{number}"
        record = replace(record, facts=with_fact(record.facts, str(object_id), fact))
        derived = status_of(record)
        finals += [derived.status] if derived.final or finals else []

    assert len(set(finals)) == 1


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
