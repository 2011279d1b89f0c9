from typing import Any

import pytest
from msgspec.structs import replace

from lea_payments.payment.changes import apply, derive
from lea_payments.payment.evidence import DEFAULT_RANKS, NEVER_MATCHES, UNREADABLE_CURRENCY, with_evidence
from lea_payments.payment.facts import Fact, Facts, Kind
from lea_payments.payment.record import DisputeStatus, Payment, Status
from lea_payments.payment.situations import RULES
from tests.support.random_facts import event_of
from tests.support.scenarios import record

RECORD = record("payment_1")
AT = "2026-01-01T00:00:01.000Z"
PAID = Fact(kind=Kind.SESSION, state="paid", amount=4999, currency="sgd", intent="pi_a")
EXPIRED = Fact(kind=Kind.SESSION, state="expired")


def _read(**fields: Any) -> Payment:
    """A record as it is read from the table, with what its published fields state."""
    written = replace(RECORD, **fields)
    return replace(written, facts=with_evidence(written))


def _after(payment: Payment, object_id: str, fact: Fact) -> Payment:
    after = apply(payment, event_of(object_id, fact), AT).after
    assert after is not None
    return after


def test_every_status_has_the_rank_of_a_rule() -> None:
    assert DEFAULT_RANKS == {Status.PENDING: 0, Status.FAILED: 10, Status.EXPIRED: 20, Status.COMPLETED: 50}


@pytest.mark.parametrize(
    ("fields", "facts"),
    [
        ({}, {}),
        ({"payment_status": Status.COMPLETED}, {"by_hand": replace(PAID, intent=None)}),
        ({"payment_status": Status.COMPLETED, "status_rank": 10}, {"by_hand": replace(PAID, intent=None)}),
        (
            {"payment_status": Status.COMPLETED, "status_rank": 50, "stripe_session_id": None},
            {"by_hand": replace(PAID, intent=None)},
        ),
        (
            {"payment_status": Status.COMPLETED, "status_rank": 50, "stripe_payment_intent": "pi_a"},
            {"cs_test_a": PAID},
        ),
        ({"payment_status": Status.EXPIRED}, {"cs_test_a": replace(EXPIRED, attempt=0)}),
        ({"payment_status": Status.EXPIRED, "stripe_session_id": None}, {"by_hand": replace(EXPIRED, attempt=0)}),
        ({"payment_status": Status.EXPIRED, "checkout_attempt": 2}, {"cs_test_a": replace(EXPIRED, attempt=2)}),
        (
            {"payment_status": Status.FAILED},
            {"by_hand:intent": Fact(kind=Kind.INTENT, state="declined", code="unknown", attempt=0)},
        ),
        (
            {"payment_status": Status.FAILED, "status_rank": 10, "status_reason": "lost_card", "checkout_attempt": 2},
            {"by_hand:intent": Fact(kind=Kind.INTENT, state="declined", code="lost_card", attempt=2)},
        ),
        ({"status_rank": 30}, {"cs_test_a": replace(EXPIRED, state="unpaid", attempt=0)}),
        (
            {"payment_status": Status.FAILED, "status_rank": 40},
            {"cs_test_a": replace(EXPIRED, state="failed", attempt=0)},
        ),
        (
            {"status_rank": 45, "status_reason": "amount_mismatch", "stripe_payment_intent": "pi_a"},
            {"cs_test_a": replace(PAID, amount=-1)},
        ),
        (
            {"status_rank": 45, "status_reason": "currency_mismatch", "stripe_session_id": None},
            {"cs_unknown": replace(PAID, amount=-1, intent=None, currency=None)},
        ),
        (
            {"payment_status": Status.COMPLETED, "status_rank": 50, "amount": NEVER_MATCHES},
            {"by_hand": replace(PAID, amount=None, intent=None)},
        ),
        (
            {"payment_status": Status.COMPLETED, "status_rank": 50, "currency": UNREADABLE_CURRENCY},
            {"by_hand": replace(PAID, currency=None, intent=None)},
        ),
        (
            {"payment_status": Status.COMPLETED, "currency": None, "amount": None},
            {"by_hand": Fact(kind=Kind.SESSION, state="paid")},
        ),
    ],
)
def test_a_status_without_facts_becomes_a_fact(fields: dict[str, Any], facts: Facts) -> None:
    assert _read(**fields).facts == facts


@pytest.mark.parametrize(
    "fields",
    [
        {"payment_status": Status.COMPLETED, "status_rank": 50, "stripe_payment_intent": "pi_a"},
        {"payment_status": Status.COMPLETED},
        {"payment_status": Status.EXPIRED, "status_rank": 20},
        {"payment_status": Status.FAILED, "status_rank": 40, "status_reason": "async_payment_failed"},
        {"payment_status": Status.FAILED, "status_rank": 10, "status_reason": "card_declined:lost_card"},
        {"status_rank": 30, "status_reason": "awaiting_funds"},
        {"status_rank": 45, "status_reason": "amount_mismatch", "stripe_payment_intent": "pi_a"},
        {"status_rank": 45, "status_reason": "currency_mismatch", "stripe_payment_intent": "pi_a"},
        {
            "payment_status": Status.COMPLETED,
            "status_rank": 50,
            "stripe_payment_intent": "pi_a",
            "status_reason": "paid_twice",
            "amount_refunded": 700,
            "dispute_status": DisputeStatus.WON,
        },
    ],
)
def test_a_record_of_0_1_0_keeps_its_published_fields(fields: dict[str, Any]) -> None:
    derived = derive(_read(**fields))

    assert {name: getattr(derived, name) for name in fields if name != "status_rank"} == {
        name: value for name, value in fields.items() if name != "status_rank"
    }


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES.keys())
def test_a_rank_of_0_1_0_is_never_lowered(rule: Any) -> None:
    fields = {"payment_status": rule.status, "status_rank": rule.rank}

    assert derive(_read(**fields)).status_rank == rule.rank


@pytest.mark.parametrize("state", ["open", "expired", "unpaid", "failed"])
@pytest.mark.parametrize("rank", [None, 0, 50])
def test_a_completed_record_is_never_lowered(rank: int | None, state: str) -> None:
    completed = _read(payment_status=Status.COMPLETED, status_rank=rank)

    assert _after(completed, "cs_test_a", replace(EXPIRED, state=state)).payment_status is Status.COMPLETED


def test_money_of_another_amount_does_not_lower_completed() -> None:
    after = _after(_read(payment_status=Status.COMPLETED), "cs_test_a", replace(PAID, amount=1))

    assert (after.payment_status, after.status_reason) == (Status.COMPLETED, None)


def test_money_names_the_payer_of_a_record_by_hand() -> None:
    after = _after(_read(payment_status=Status.COMPLETED), "cs_test_b", replace(PAID, intent="pi_b"))

    assert (after.stripe_session_id, after.stripe_payment_intent) == ("cs_test_b", "pi_b")
    assert after.status_reason is None


def test_a_status_by_hand_that_says_less_changes_nothing() -> None:
    facts = {"cs_test_a": PAID}

    assert _read(facts=facts, payment_status=Status.FAILED).facts == facts
    assert _read(facts=facts, payment_status=Status.PENDING, status_rank=50).facts == facts


def test_a_mismatch_of_an_unreadable_amount_stays_one() -> None:
    mismatch = _read(amount=NEVER_MATCHES, status_rank=45, status_reason="amount_mismatch")

    assert derive(mismatch).status_reason == "amount_mismatch"


def test_a_mismatch_is_completed_by_hand() -> None:
    facts = {"cs_test_a": replace(PAID, amount=1)}

    payment = _read(facts=facts, payment_status=Status.COMPLETED, status_rank=45, stripe_payment_intent="pi_a")

    assert derive(payment).payment_status is Status.COMPLETED


def test_the_right_amount_after_an_old_mismatch_is_paid_twice() -> None:
    wrong = _read(status_rank=45, status_reason="amount_mismatch", stripe_payment_intent="pi_a")

    after = _after(wrong, "cs_test_b", replace(PAID, intent="pi_b"))

    assert (after.status_reason, after.stripe_payment_intent) == ("paid_twice", "pi_b")


def test_the_real_money_replaces_a_mismatch_of_0_1_0() -> None:
    wrong = _read(status_rank=45, status_reason="currency_mismatch", stripe_payment_intent="pi_a")
    real = replace(PAID, amount=1, currency="eur")

    assert _after(wrong, "cs_test_a", real).facts == {"cs_test_a": real}


TWICE = {
    "payment_status": Status.COMPLETED,
    "status_rank": 50,
    "status_reason": "paid_twice",
    "stripe_payment_intent": "pi_a",
}


def test_a_second_payer_of_0_1_0_is_unknown() -> None:
    assert _read(**TWICE).facts == {
        "cs_test_a": PAID,
        "by_hand": Fact(kind=Kind.SESSION, state="paid", intent="pi_unknown"),
    }


def test_a_second_payer_of_0_1_0_can_be_known() -> None:
    other = {"cs_test_b": replace(PAID, intent="pi_b")}

    assert _read(**TWICE, facts=other).facts == {**other, "cs_test_a": PAID}


def test_a_refund_of_the_unknown_payer_resolves_paid_twice() -> None:
    refund = Fact(kind=Kind.REFUND, state="succeeded", amount=4999, intent="pi_b")

    after = _after(_read(**TWICE), "re_1", refund)

    assert (after.status_reason, after.stripe_payment_intent, after.amount_refunded) == (None, "pi_a", 0)


def test_paid_twice_without_a_session_has_two_payers() -> None:
    payment = _read(**TWICE | {"stripe_session_id": None})

    assert derive(payment).status_reason == "paid_twice"
    assert payment.facts.keys() == {"cs_unknown", "by_hand"}


@pytest.mark.parametrize(
    ("facts", "amount"),
    [
        ({}, 700),
        ({"re_1": Fact(kind=Kind.REFUND, state="succeeded", amount=300)}, 700),
        ({"re_1": Fact(kind=Kind.REFUND, state="failed", amount=300)}, 400),
    ],
    ids=["no refund known", "a part of it known", "a part of it failed"],
)
def test_an_amount_refunded_serves_until_refunds_explain_it(facts: Facts, amount: int) -> None:
    """Version 0.1.0 stored a total: refunds that are known by their ids can be a part of it."""
    assert derive(_read(facts=facts, amount_refunded=700)).amount_refunded == amount


@pytest.mark.parametrize("status", [status for status in DisputeStatus if status is not DisputeStatus.NONE])
def test_a_dispute_status_serves_while_no_dispute_is_known(status: DisputeStatus) -> None:
    known = {"du_1": Fact(kind=Kind.DISPUTE, state="under_review")}
    with_known = DisputeStatus.LOST if status is DisputeStatus.LOST else DisputeStatus.REVIEW

    assert derive(_read(dispute_status=status)).dispute_status is status
    assert derive(_read(dispute_status=status, facts=known)).dispute_status is with_known


def test_facts_that_say_everything_are_returned_as_they_are() -> None:
    derived = derive(replace(RECORD, facts={"cs_test_a": PAID}))

    assert with_evidence(derived) is derived.facts


@pytest.mark.parametrize("edit", [{"amount": 12000}, {"amount": 80}, {"currency": "usd"}, {"currency": "eur"}])
def test_an_edit_of_a_paid_record_leaves_stripes_fact(edit: dict[str, Any]) -> None:
    """A person changes what was requested after the payment was completed."""
    completed = _after(Payment(payment_intent_id="payment_1", amount=100, currency="sgd"), "cs_test_a", EDITED)
    edited = replace(completed, **edit)

    after = _after(
        replace(edited, facts=with_evidence(edited)),
        "re_1",
        Fact(kind=Kind.REFUND, state="succeeded", amount=10, intent="pi_a"),
    )

    assert after.facts["cs_test_a"] == EDITED
    assert (after.payment_status, after.stripe_payment_intent, after.amount_refunded) == ("completed", "pi_a", 10)


EDITED = Fact(kind=Kind.SESSION, state="paid", amount=100, currency="sgd", intent="pi_a")
