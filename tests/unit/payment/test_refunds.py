import pytest
from msgspec.structs import replace

from lea_payments.payment.facts import Fact, Kind
from lea_payments.payment.record import Payment
from lea_payments.payment.refunds import (
    IntentRefunds,
    RefundTotals,
    refund_totals,
    refunds_of_intent,
    refunds_of_others,
)

PAID = Fact(kind=Kind.SESSION, state="paid", amount=10000, currency="sgd", intent="pi_a")
RECORD = Payment(
    payment_intent_id="payment_1",
    stripe_session_id="cs_test_a",
    stripe_payment_intent="pi_a",
    amount=10000,
    currency="SGD",
    facts={"cs_test_a": PAID},
)


def refund(state: str, amount: int | None = 1000, intent: str | None = "pi_a") -> Fact:
    return Fact(kind=Kind.REFUND, state=state, amount=amount, intent=intent)


def totals(record: Payment = RECORD, /, **more: Fact) -> RefundTotals:
    return refund_totals(replace(record, facts={**record.facts, **more}))


def test_a_payment_without_refunds_has_no_totals() -> None:
    assert totals() == RefundTotals(0, 0, 0, "sgd")


def test_refunds_are_added_up_by_their_states() -> None:
    refunds = {
        "re_1": refund("succeeded", 1000),
        "re_2": refund("succeeded", 2000),
        "re_3": refund("pending", 300),
        "re_4": refund("requires_action", 40),
        "re_5": refund("canceled", 5000),
        "re_6": refund("failed", 600),
        "re_7": refund("new_state", 7),
    }

    assert totals(**refunds) == RefundTotals(3000, 347, 600, "sgd")


def test_a_refund_of_another_intent_does_not_count() -> None:
    assert totals(re_1=refund("succeeded", intent="pi_b"), re_2=refund("failed", intent="pi_b")).succeeded == 0


def test_a_refund_without_an_intent_counts() -> None:
    assert totals(re_1=refund("succeeded", intent=None)).succeeded == 1000


def test_without_an_intent_every_refund_counts() -> None:
    record = Payment(payment_intent_id="payment_1", amount=10000)

    assert totals(record, re_1=refund("succeeded")).succeeded == 1000


def test_a_refund_without_an_amount_counts_as_nothing() -> None:
    assert totals(re_1=refund("pending", None)).pending == 0


def test_a_charges_total_serves_without_refunds() -> None:
    charge = Fact(kind=Kind.CHARGE, state="refunded", amount=3000, intent="pi_a")

    assert totals(ch_a=charge).succeeded == 3000
    assert totals(ch_a=charge, re_1=refund("failed", 3000)) == RefundTotals(0, 0, 3000, "sgd")


def test_a_failed_refund_that_was_repeated_does_not_count() -> None:
    repeated = totals(re_1=refund("failed", 10000), re_2=refund("succeeded", 10000))

    assert repeated == RefundTotals(10000, 0, 0, "sgd")


def test_failed_refunds_are_at_most_what_is_left() -> None:
    tries = totals(re_1=refund("failed", 10000), re_2=refund("failed", 10000), re_3=refund("pending", 4000))

    assert tries == RefundTotals(0, 4000, 6000, "sgd")


def test_the_currency_is_that_of_the_money() -> None:
    in_dollars = replace(RECORD, facts={"cs_test_a": replace(PAID, currency="usd")})

    assert totals(in_dollars).currency == "usd"


def test_without_a_payer_the_record_has_amount_and_currency() -> None:
    by_hand = replace(RECORD, facts={"cs_test_a": replace(PAID, state="expired")}, amount=500)

    assert totals(by_hand, re_1=refund("failed", 900)) == RefundTotals(0, 0, 500, "SGD")


def test_without_any_amount_a_failed_refund_counts_in_full() -> None:
    assert totals(replace(RECORD, facts={}, amount=None), re_1=refund("failed", 900)).failed == 900


def test_a_payer_without_amount_and_currency_has_the_records() -> None:
    bare = replace(RECORD, facts={"cs_test_a": replace(PAID, amount=None, currency=None)}, amount=800)

    assert totals(bare, re_1=refund("failed", 900)) == RefundTotals(0, 0, 800, "SGD")


def test_money_of_unknown_amount_does_not_limit_failed_refunds() -> None:
    unknown = replace(RECORD, facts={"cs_test_a": replace(PAID, amount=-1)})

    assert totals(unknown, re_1=refund("failed", 900)).failed == 900


def test_a_refund_that_waits_for_details_is_not_on_the_way() -> None:
    record = replace(RECORD, facts={**RECORD.facts, "re_1": refund("requires_action", 700), "re_2": refund("pending")})

    assert refunds_of_intent(record, "pi_a") == IntentRefunds(0, 1000, 700, 0, 10000, "sgd")


@pytest.mark.parametrize(
    ("refunds", "full"),
    [
        ({}, (False, False)),
        ({"re_1": refund("succeeded", 9999)}, (False, False)),
        ({"re_1": refund("succeeded", 10000)}, (True, True)),
        ({"re_1": refund("succeeded", 6000), "re_2": refund("pending", 4000)}, (False, True)),
        ({"re_1": refund("pending", 6000), "re_2": refund("requires_action", 4000)}, (False, True)),
        ({"re_1": refund("failed", 10000)}, (False, False)),
    ],
    ids=["none", "all but a cent", "full", "half on its way", "nothing arrived", "failed"],
)
def test_only_all_of_the_money_is_a_full_refund(refunds: dict[str, Fact], full: tuple[bool, bool]) -> None:
    one = refunds_of_intent(replace(RECORD, facts={**RECORD.facts, **refunds}), "pi_a")

    assert (one.is_full, one.will_be_full) == full


@pytest.mark.parametrize("amount", [None, 0])
def test_without_an_amount_no_refund_is_full(amount: int | None) -> None:
    record = Payment(payment_intent_id="payment_1", amount=amount, facts={"re_1": refund("succeeded")})
    one = refunds_of_intent(record, None)

    assert (one.is_full, one.will_be_full) == (False, False)


def test_the_refund_of_a_duplicate_is_counted_apart() -> None:
    duplicate = {"cs_test_b": replace(PAID, intent="pi_b"), "re_1": refund("failed", 10000, "pi_b")}

    assert refunds_of_others(replace(RECORD, facts={**RECORD.facts, **duplicate})) == [
        IntentRefunds(0, 0, 0, 10000, 10000, "sgd")
    ]
    assert refunds_of_others(RECORD) == []


def test_without_an_intent_no_refund_is_of_another() -> None:
    record = replace(RECORD, stripe_payment_intent=None, facts={"re_1": refund("failed", intent="pi_b")})

    assert refunds_of_others(record) == []
