from typing import Any

import pytest
from msgspec.structs import replace

from lea_payments.payment.facts import STATES, Fact, Facts, Kind, Method
from lea_payments.payment.payers import (
    BY_HAND,
    UNKNOWN_INTENT,
    UNKNOWN_SESSION,
    amount_refunded,
    is_refunded,
    method_of_payer,
    mismatch,
    outstanding_intents,
    payer,
)
from tests.support.scenarios import record

RECORD = record("payment_1")


def _paid(intent: str | None, amount: int | None = 4999, currency: str | None = "sgd") -> Fact:
    return Fact(kind=Kind.SESSION, state="paid", amount=amount, currency=currency, intent=intent)


def _refund(amount: int | None, intent: str | None = "pi_a", state: str = "succeeded") -> Fact:
    return Fact(kind=Kind.REFUND, state=state, amount=amount, intent=intent)


def _total(amount: int | None, intent: str | None = "pi_a") -> Fact:
    return Fact(kind=Kind.CHARGE, state="refunded", amount=amount, intent=intent)


@pytest.mark.parametrize(
    ("facts", "refunded"),
    [
        ({}, 0),
        ({"re_1": _refund(700)}, 700),
        ({"re_1": _refund(700), "re_2": _refund(300)}, 1000),
        ({"re_1": _refund(700), "re_2": _refund(300, state="failed")}, 700),
        ({"re_1": _refund(700, state="canceled")}, 0),
        ({"re_1": _refund(700, "pi_b")}, 0),
        ({"re_1": _refund(700, None)}, 700),
        ({"re_1": _refund(None)}, 0),
        ({"ch_1": _total(700)}, 700),
        ({"ch_1": _total(None)}, 0),
        ({"ch_1": _total(700), "ch_2": _total(300)}, 700),
        ({"ch_1": _total(4999), "re_1": _refund(700)}, 700),
        ({"ch_1": _total(4999), "re_1": _refund(700, state="failed")}, 0),
        ({"ch_1": _total(4999), "re_1": _refund(700, "pi_b")}, 4999),
    ],
)
def test_refunds_that_stand_are_added(facts: Facts, refunded: int) -> None:
    assert amount_refunded(replace(RECORD, facts=facts), "pi_a") == refunded


@pytest.mark.parametrize("state", [*STATES[Kind.REFUND], "of_tomorrow"])
def test_a_refund_stands_unless_it_failed_or_was_canceled(state: str) -> None:
    refunded = amount_refunded(replace(RECORD, facts={"re_1": _refund(700, state=state)}), "pi_a")

    assert refunded == (0 if state in ("failed", "canceled") else 700)


def test_without_a_payment_intent_all_refunds_count() -> None:
    facts = {"re_1": _refund(700), "re_2": _refund(300, "pi_b")}

    assert amount_refunded(replace(RECORD, facts=facts), None) == 1000


@pytest.mark.parametrize(
    ("fields", "fact", "reason"),
    [
        ({}, _paid("pi_a"), None),
        ({}, _paid("pi_a", currency="SGD"), None),
        ({"currency": "SGD"}, _paid("pi_a"), None),
        ({}, _paid("pi_a", 1), "amount_mismatch"),
        ({}, _paid("pi_a", None), "amount_mismatch"),
        ({}, _paid("pi_a", currency="usd"), "currency_mismatch"),
        ({}, _paid("pi_a", currency=None), "currency_mismatch"),
        ({}, _paid("pi_a", 1, "usd"), "currency_mismatch"),
        ({"amount": None}, _paid("pi_a", 1), None),
        ({"currency": None}, _paid("pi_a", currency="usd"), None),
        ({"amount": 0}, _paid("pi_a"), "amount_mismatch"),
    ],
)
def test_money_is_compared_with_what_was_requested(fields: dict[str, Any], fact: Fact, reason: str | None) -> None:
    assert mismatch(replace(RECORD, **fields), "cs_test_a", fact) == reason


def test_a_status_by_hand_is_as_requested() -> None:
    assert mismatch(RECORD, BY_HAND, _paid(None, None, None)) is None


@pytest.mark.parametrize(
    ("fields", "facts", "expected"),
    [
        ({}, {}, False),
        ({}, {"re_1": _refund(4998)}, False),
        ({}, {"re_1": _refund(4999)}, True),
        ({}, {"re_1": _refund(4999, state="failed")}, False),
        ({}, {"ch_1": _total(4999)}, True),
        ({"amount": 0}, {}, False),
        ({"amount": None}, {"re_1": _refund(4999)}, False),
    ],
)
def test_a_refund_in_full_covers_the_amount(fields: dict[str, Any], facts: Facts, expected: bool) -> None:
    payment = replace(RECORD, facts=facts, **fields)

    assert is_refunded(payment, "pi_a", _paid("pi_a", None)) is expected


@pytest.mark.parametrize("amount", [None, -1], ids=["no amount", "mismatch of 0.1.0"])
def test_money_of_an_unknown_amount_is_not_refunded(amount: int | None) -> None:
    assert not is_refunded(RECORD, "pi_a", _paid("pi_a", amount))


def test_a_refund_in_full_is_of_what_was_paid() -> None:
    payment = replace(RECORD, facts={"re_1": _refund(700)})

    assert is_refunded(payment, "pi_a", _paid("pi_a", 700))


@pytest.mark.parametrize("amount", [None, 0, -1])
def test_money_of_an_unreadable_amount_is_not_refunded(amount: int | None) -> None:
    payment = replace(RECORD, amount=amount, facts={"re_1": _refund(700)})

    assert not is_refunded(payment, "pi_a", _paid("pi_a", amount))


@pytest.mark.parametrize("amount", [-1, 4999])
def test_no_money_is_an_unreadable_amount(amount: int) -> None:
    assert mismatch(replace(RECORD, amount=-1), "cs_test_a", _paid("pi_a", amount)) == "amount_mismatch"


@pytest.mark.parametrize(
    ("paid", "facts", "outstanding"),
    [
        ({"cs_a": _paid("pi_a")}, {}, {"pi_a"}),
        ({"cs_a": _paid("pi_a"), "cs_b": _paid("pi_b")}, {}, {"pi_a", "pi_b"}),
        ({"cs_a": _paid("pi_a"), "cs_b": _paid("pi_a")}, {}, {"pi_a"}),
        ({"cs_a": _paid("pi_a"), "cs_b": _paid(None)}, {}, {"pi_a"}),
        ({"cs_a": _paid("pi_a"), "cs_b": _paid("pi_b")}, {"re_1": _refund(4999, "pi_b")}, {"pi_a"}),
    ],
)
def test_payers_that_are_not_refunded_are_outstanding(paid: Facts, facts: Facts, outstanding: set[str]) -> None:
    assert outstanding_intents(replace(RECORD, facts={**paid, **facts}), paid) == outstanding


@pytest.mark.parametrize(
    ("others", "outstanding"),
    [
        ({}, {"pi_a", UNKNOWN_INTENT}),
        ({"cs_b": _paid("pi_b")}, {"pi_a", "pi_b"}),
        ({"re_1": _refund(4999, "pi_b")}, {"pi_a"}),
        ({"ch_1": _total(4999, "pi_b")}, {"pi_a"}),
        ({"re_1": _refund(700, "pi_b")}, {"pi_a", UNKNOWN_INTENT}),
        ({"re_1": _refund(4999, None)}, set()),
    ],
)
def test_the_unknown_payer_is_one_that_shows_up(others: Facts, outstanding: set[str]) -> None:
    facts = {"cs_a": _paid("pi_a"), BY_HAND: _paid(UNKNOWN_INTENT), **others}
    paid = {session_id: fact for session_id, fact in facts.items() if fact.kind == Kind.SESSION}

    assert outstanding_intents(replace(RECORD, facts=facts), paid) == outstanding


@pytest.mark.parametrize(
    ("paid", "facts", "expected"),
    [
        ({"cs_b": _paid("pi_b")}, {}, ("cs_b", "pi_b")),
        ({"cs_b": _paid(None)}, {}, ("cs_b", None)),
        ({"cs_a": _paid("pi_2"), "cs_b": _paid("pi_1")}, {}, ("cs_b", "pi_1")),
        ({"cs_a": _paid("pi_1"), "cs_b": _paid("pi_1")}, {}, ("cs_a", "pi_1")),
        ({"cs_a": _paid(None), "cs_b": _paid("pi_b")}, {}, ("cs_b", "pi_b")),
        ({"cs_a": _paid("pi_a", 1), "cs_b": _paid("pi_b")}, {}, ("cs_b", "pi_b")),
        ({"cs_a": _paid("pi_a"), "cs_b": _paid("pi_b")}, {"re_1": _refund(4999)}, ("cs_b", "pi_b")),
        ({"cs_a": _paid("pi_a"), "cs_b": _paid("pi_b", 1)}, {"re_1": _refund(4999)}, ("cs_b", "pi_b")),
        ({BY_HAND: _paid("pi_a")}, {}, ("cs_test_a", "pi_a")),
        ({BY_HAND: _paid(None), "cs_b": _paid("pi_b")}, {}, ("cs_b", "pi_b")),
        ({BY_HAND: _paid("pi_a"), "cs_b": _paid("pi_b")}, {}, ("cs_b", "pi_a")),
        ({UNKNOWN_SESSION: _paid("pi_a"), BY_HAND: _paid(UNKNOWN_INTENT)}, {}, ("cs_test_a", "pi_a")),
    ],
)
def test_the_record_names_the_payer_that_is_not_refunded(
    paid: Facts, facts: Facts, expected: tuple[str, str | None]
) -> None:
    assert payer(replace(RECORD, facts={**paid, **facts}), paid) == expected


def _charge(method: str | None, intent: str | None = "pi_a") -> Fact:
    return Fact(kind=Kind.CHARGE, state="succeeded", intent=intent, method=method)


@pytest.mark.parametrize(
    ("facts", "method"),
    [
        ({}, None),
        ({"ch_1": _charge(None)}, None),
        ({"ch_1": _charge("card/visa/4242")}, Method("card", "visa", "4242")),
        ({"ch_1": _charge("card/visa/4242", "pi_b")}, None),
        ({"ch_1": _charge("card/visa/4242"), "ch_2": _charge("paynow", "pi_b")}, Method("card", "visa", "4242")),
        ({"ch_1": _charge("not a method")}, None),
    ],
)
def test_the_method_is_that_of_the_named_payer(facts: Facts, method: Method | None) -> None:
    assert method_of_payer(replace(RECORD, stripe_payment_intent="pi_a", facts=facts)) == method


def test_without_a_payer_there_is_no_method() -> None:
    assert method_of_payer(replace(RECORD, facts={"ch_1": _charge("paynow")})) is None


def test_a_charge_that_succeeded_refunds_nothing() -> None:
    assert amount_refunded(replace(RECORD, facts={"ch_1": _charge("card/visa/4242")}), "pi_a") == 0
