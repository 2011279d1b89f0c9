from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from lea_payments.payment.evidence import with_evidence
from lea_payments.payment.facts import STATES, Fact, Facts, Kind
from lea_payments.payment.record import DisputeStatus, Payment, Status
from lea_payments.payment.situations import RULES, CanPay, Situation
from lea_payments.payment.status import Derived, is_current_session, status_of
from tests.support.random_facts import ANY_FACTS
from tests.support.scenario import SECOND_ATTEMPT
from tests.support.scenarios import record

RECORD = record("payment_1")
_IDS = st.none() | st.sampled_from(["cs_test_a", "cs_test_b"])

ANY_RECORD = st.builds(
    Payment,
    payment_intent_id=st.just("payment_1"),
    stripe_session_id=_IDS,
    other_session_id=_IDS,
    stripe_payment_intent=st.none() | st.sampled_from(["pi_a", "pi_b"]),
    payment_status=st.sampled_from(Status),
    amount=st.none() | st.sampled_from([0, 700, 4999]),
    currency=st.none() | st.sampled_from(["sgd", "SGD", ""]),
    status_reason=st.none() | st.sampled_from(["paid_twice", "currency_mismatch", "lost_card", ""]),
    status_rank=st.none() | st.sampled_from([0, 7, 10, 20, 30, 40, 45, 50]),
    amount_refunded=st.sampled_from([0, 700]),
    dispute_status=st.sampled_from(DisputeStatus),
    checkout_attempt=st.integers(0, 3),
    facts=ANY_FACTS,
)


def _session(state: str, intent: str | None = None, attempt: int | None = None, amount: int = 4999) -> Fact:
    return Fact(kind=Kind.SESSION, state=state, amount=amount, currency="sgd", intent=intent, attempt=attempt)


def _declined(code: str | None = "lost_card", attempt: int | None = None) -> Fact:
    return Fact(kind=Kind.INTENT, state="declined", code=code, attempt=attempt)


def _refund(amount: int, intent: str) -> Fact:
    return Fact(kind=Kind.REFUND, state="succeeded", amount=amount, intent=intent)


def _status(facts: Facts, **fields: Any) -> Derived:
    return status_of(replace(RECORD, facts=facts, **fields))


def _situation(facts: Facts, **fields: Any) -> Situation:
    return _status(facts, **fields).situation


@given(ANY_RECORD)
def test_every_record_has_a_status(payment: Payment) -> None:
    derived = status_of(payment)
    rule, evidence = RULES[derived.situation], with_evidence(payment)

    assert (derived.status, derived.can_pay, derived.rank) == (rule.status, rule.can_pay, rule.rank)
    assert status_of(replace(payment, facts=evidence)).status in Status


PAID_A, PAID_B = {"cs_test_a": _session("paid", "pi_a")}, {"cs_test_b": _session("paid", "pi_b")}
WRONG_A, WRONG_B = {"cs_test_a": _session("paid", "pi_a", amount=1)}, {"cs_test_b": _session("paid", "pi_b", amount=1)}
UNPAID, FAILED = {"cs_test_a": _session("unpaid")}, {"cs_test_a": _session("failed")}
EXPIRED, OPEN = {"cs_test_a": _session("expired")}, {"cs_test_a": _session("open")}
UNPAID_B, EXPIRED_B = {"cs_test_b": _session("unpaid")}, {"cs_test_b": _session("expired")}
DECLINED = {"pi_a": _declined()}


@pytest.mark.parametrize(
    ("facts", "situation"),
    [
        ({**PAID_A, **PAID_B}, Situation.PAID_TWICE),
        ({**PAID_A, **WRONG_B}, Situation.PAID_TWICE),
        ({**PAID_A, **PAID_B, "re_1": _refund(4999, "pi_b")}, Situation.PAID),
        ({**PAID_A, **PAID_B, "re_1": _refund(4999, "pi_a")}, Situation.PAID),
        ({**PAID_A, **PAID_B, "re_1": _refund(4998, "pi_b")}, Situation.PAID_TWICE),
        ({**PAID_A, **WRONG_B, "re_1": _refund(1, "pi_b")}, Situation.PAID),
        ({**WRONG_A, **WRONG_B}, Situation.MISMATCH),
        (PAID_A, Situation.PAID),
        (PAID_B, Situation.PAID),
        ({**PAID_A, **UNPAID_B, **DECLINED}, Situation.PAID),
        (WRONG_A, Situation.MISMATCH),
        ({**WRONG_A, **UNPAID_B}, Situation.MISMATCH),
        (UNPAID, Situation.AWAITING_FUNDS),
        (UNPAID_B, Situation.AWAITING_FUNDS),
        ({**FAILED, **UNPAID_B}, Situation.AWAITING_FUNDS),
        ({**FAILED, **DECLINED}, Situation.ASYNC_FAILED),
        ({**FAILED, **EXPIRED_B}, Situation.ASYNC_FAILED),
        (EXPIRED, Situation.EXPIRED),
        ({**EXPIRED, **DECLINED}, Situation.EXPIRED),
        (EXPIRED_B, Situation.PENDING),
        (DECLINED, Situation.DECLINED),
        ({**OPEN, **DECLINED}, Situation.DECLINED),
        (OPEN, Situation.PENDING),
        ({"cs_test_a": _session("partially_paid")}, Situation.AWAITING_FUNDS),
        ({**EXPIRED, "cs_test_b": _session("partially_paid")}, Situation.AWAITING_FUNDS),
        ({"pi_a": Fact(kind=Kind.INTENT, state="of_tomorrow")}, Situation.PENDING),
        ({}, Situation.PENDING),
    ],
)
def test_the_first_condition_that_is_true_holds(facts: Facts, situation: Situation) -> None:
    derived = _status(facts)

    assert derived.situation is situation
    assert derived.status is RULES[situation].status


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({**PAID_A, **PAID_B}, "paid_twice"),
        (PAID_A, None),
        (WRONG_A, "amount_mismatch"),
        ({**WRONG_A, "cs_test_b": replace(PAID_B["cs_test_b"], currency="usd")}, "currency_mismatch"),
        (UNPAID, "awaiting_funds"),
        (FAILED, "async_payment_failed"),
        (EXPIRED, None),
        ({"pi_a": _declined("a"), "pi_b": _declined("b")}, "b"),
        ({"pi_a": _declined(None)}, "unknown"),
        ({}, None),
    ],
)
def test_each_situation_has_its_reason(facts: Facts, reason: str | None) -> None:
    assert _status(facts).reason == reason


NO_SESSION = {"stripe_session_id": None, "other_session_id": "cs_test_a", "checkout_attempt": 2}


@pytest.mark.parametrize(
    ("fields", "session_id", "attempt", "is_current"),
    [
        ({}, "cs_test_a", None, True),
        ({}, "cs_test_b", None, False),
        ({}, "cs_test_b", 1, False),
        ({"checkout_attempt": 1}, "cs_test_b", 1, True),
        ({"checkout_attempt": 1}, "cs_test_b", None, False),
        (SECOND_ATTEMPT, "cs_test_b", 1, True),
        (SECOND_ATTEMPT, "cs_test_a", 1, False),
        (SECOND_ATTEMPT, "cs_test_c", 2, True),
        (SECOND_ATTEMPT, "cs_test_c", 1, False),
        ({"stripe_session_id": None}, "cs_test_b", None, True),
        ({"stripe_session_id": None, "other_session_id": "cs_test_b"}, "cs_test_b", None, True),
        (NO_SESSION, "cs_test_a", 1, False),
        (NO_SESSION, "cs_test_a", None, False),
        (NO_SESSION, "cs_test_b", None, False),
        (NO_SESSION, "cs_test_b", 2, True),
    ],
)
def test_a_session_belongs_to_the_current_attempt(
    fields: dict[str, Any], session_id: str, attempt: int | None, is_current: bool
) -> None:
    fact = _session("expired", attempt=attempt)

    assert is_current_session(replace(RECORD, **fields), session_id, fact) is is_current


@pytest.mark.parametrize(
    ("fields", "facts", "situation"),
    [
        ({}, {"pi_a": _declined(attempt=3)}, Situation.DECLINED),
        ({"checkout_attempt": 1}, {"pi_a": _declined()}, Situation.DECLINED),
        ({"checkout_attempt": 1}, {"pi_a": _declined(attempt=1)}, Situation.DECLINED),
        (SECOND_ATTEMPT, {"pi_a": _declined()}, Situation.PENDING),
        (SECOND_ATTEMPT, {"pi_a": _declined(attempt=1)}, Situation.PENDING),
        (SECOND_ATTEMPT, {"pi_b": _declined(attempt=2)}, Situation.DECLINED),
        ({}, {"pi_b": _declined(), "cs_test_b": _session("expired", "pi_b")}, Situation.PENDING),
        ({}, {"pi_a": _declined(), "cs_test_b": _session("expired", "pi_b")}, Situation.DECLINED),
    ],
)
def test_only_the_current_attempts_decline_counts(fields: dict[str, Any], facts: Facts, situation: Situation) -> None:
    assert _situation(facts, **fields) is situation


def test_a_new_attempt_is_pending_again() -> None:
    facts = {"cs_test_a": _session("expired", attempt=1), "pi_a": _declined(attempt=1)}

    assert _situation(facts, checkout_attempt=1) is Situation.EXPIRED
    assert _situation(facts, **{**SECOND_ATTEMPT, "stripe_session_id": None}) is Situation.PENDING


@pytest.mark.parametrize(
    ("facts", "fields", "published", "other"),
    [
        ({}, {}, "cs_test_a", None),
        ({}, SECOND_ATTEMPT, "cs_test_b", "cs_test_a"),
        (PAID_B, {}, "cs_test_b", "cs_test_a"),
        (EXPIRED_B, {}, "cs_test_a", "cs_test_b"),
        ({**EXPIRED_B, "cs_test_c": _session("unpaid")}, {}, "cs_test_a", "cs_test_c"),
        ({**PAID_B, **EXPIRED, "cs_test_0": _session("paid", "pi_0")}, {}, "cs_test_0", "cs_test_b"),
        ({"cs_test_c": _session("of_tomorrow")}, SECOND_ATTEMPT, "cs_test_b", "cs_test_c"),
        ({"cs_test_c": _session("paid")}, SECOND_ATTEMPT, "cs_test_c", "cs_test_b"),
        ({"cs_test_c": _session("unpaid")}, NO_SESSION, None, "cs_test_a"),
        ({"cs_test_c": _session("unpaid")}, {"stripe_session_id": None}, None, "cs_test_c"),
        ({"by_hand": _session("paid")}, {"stripe_session_id": None}, None, None),
        ({"by_hand": _session("paid")}, {}, "cs_test_a", None),
    ],
)
def test_the_session_that_got_furthest_is_the_other_one(
    facts: Facts, fields: dict[str, Any], published: str | None, other: str | None
) -> None:
    derived = _status(facts, **fields)

    assert (derived.stripe_session_id, derived.other_session_id) == (published, other)


@pytest.mark.parametrize("facts", [UNPAID_B, EXPIRED_B, DECLINED])
def test_only_money_changes_session_and_payment_intent(facts: Facts) -> None:
    derived = _status(facts)

    assert (derived.stripe_session_id, derived.stripe_payment_intent) == ("cs_test_a", None)


def test_refunds_of_the_named_payer_are_published() -> None:
    facts = {**PAID_A, **PAID_B, "re_1": _refund(700, "pi_a"), "re_2": _refund(4999, "pi_b")}

    assert _status(facts).amount_refunded == 700


def test_a_derived_status_says_whether_the_customer_can_pay() -> None:
    assert [_status(facts).can_pay for facts in (PAID_A, UNPAID, EXPIRED, DECLINED)] == [
        CanPay.NO,
        CanPay.NO,
        CanPay.WITH_NEW_LINK,
        CanPay.YES,
    ]


def test_every_state_of_a_session_is_tested_above() -> None:
    assert {*STATES[Kind.SESSION]} == {"open", "expired", "unpaid", "failed", "paid"}
