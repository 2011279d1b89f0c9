import pytest
from lea_payments.payment.rules import DEFAULT_RANKS, READS, REVIEW_RULE, RULES, Rule, rank_of

from lea_payments.payment.event import Fact
from lea_payments.payment.record import Payment, Status


def test_every_fact_has_the_fields_that_it_reads() -> None:
    assert READS.keys() == {*Fact}


def test_every_field_that_is_read_is_a_field_of_a_record() -> None:
    fields = {*Payment.__struct_fields__}

    assert {name for names in READS.values() for name in names} <= fields


def test_no_two_facts_share_a_rank() -> None:
    ranks = [rule.rank for rule in (*RULES.values(), REVIEW_RULE)]

    assert len(ranks) == len({*ranks})


def test_paid_has_the_highest_rank_and_review_the_second() -> None:
    *others, review, paid = sorted((*RULES.values(), REVIEW_RULE))

    assert (paid, review) == (RULES[Fact.PAID], REVIEW_RULE)
    assert len(others) == 4


def test_a_fact_that_stores_its_session_is_about_the_current_one() -> None:
    assert all(rule.current_session_only for rule in RULES.values() if rule.stores_session)


@pytest.mark.parametrize("rule", [*RULES.values(), REVIEW_RULE], ids=lambda rule: str(rule.rank))
def test_a_rank_that_fits_the_status_is_the_records_rank(rule: Rule) -> None:
    record = Payment(payment_intent_id="payment_1", payment_status=rule.status, status_rank=rule.rank)

    assert rank_of(record) == rule.rank


@pytest.mark.parametrize("status", Status)
def test_a_status_changed_by_hand_has_its_default_rank(status: Status) -> None:
    record = Payment(payment_intent_id="payment_1", payment_status=status, status_rank=999)

    assert rank_of(record) == DEFAULT_RANKS[status]
