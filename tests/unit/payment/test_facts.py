import itertools
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from lea_payments.payment.facts import (
    OBJECT_LIMIT,
    OVERFLOW,
    OVERFLOW_ID,
    STATES,
    Fact,
    Facts,
    Kind,
    is_known_state,
    is_lost_again,
    merge,
    with_fact,
)
from tests.support.random_facts import ANY_FACTS, FEW_FACTS, MANY_FACTS, stripe_fact


def _refunds(number: int) -> Facts:
    return {f"re_{n:04}": Fact(kind=Kind.REFUND, state="pending", amount=n) for n in range(number)}


@given(ANY_FACTS, ANY_FACTS)
def test_merge_is_commutative(one: Facts, other: Facts) -> None:
    assert merge(one, other) == merge(other, one)


@given(ANY_FACTS, ANY_FACTS, ANY_FACTS)
def test_merge_is_associative(one: Facts, other: Facts, third: Facts) -> None:
    assert merge(merge(one, other), third) == merge(one, merge(other, third))


def test_merge_is_associative_for_every_mix_of_kinds() -> None:
    """A person can store an object as another kind, and versions can know other states."""
    kinds = {Kind.SESSION: ("odd", "open", "unpaid", "paid"), Kind.INTENT: ("declined",), "odd": ("open",)}
    facts = [
        {"id": Fact(kind=kind, state=state, currency=currency)}
        for kind, states in kinds.items()
        for state in states
        for currency in (None, "myr", "sgd")
    ]

    for one, other, third in itertools.product(facts, repeat=3):
        assert merge(merge(one, other), third) == merge(one, merge(other, third))


@given(ANY_FACTS, ANY_FACTS)
def test_merge_is_idempotent(one: Facts, other: Facts) -> None:
    merged = merge(one, other)

    assert merge(merged, other) is merged
    assert merge(merged, one) is merged


@pytest.mark.parametrize("facts", [FEW_FACTS, MANY_FACTS], ids=["up to the bound", "beyond the bound"])
@given(data=st.data())
def test_the_laws_of_merge_hold_at_the_bound(facts: st.SearchStrategy[Facts], data: st.DataObject) -> None:
    one, other, third = (merge({}, data.draw(facts)) for _ in range(3))
    merged = merge(one, other)

    assert merged == merge(other, one)
    assert merge(merged, third) == merge(one, merge(other, third))
    assert merge(merged, other) is merged


@given(MANY_FACTS, st.randoms(use_true_random=False))
def test_the_same_objects_are_kept_in_any_order(facts: Facts, generator: random.Random) -> None:
    order = list(facts)
    generator.shuffle(order)

    merged = merge({}, {object_id: facts[object_id] for object_id in order})

    assert merged == merge({}, facts)
    assert len(merged.keys() - {OVERFLOW_ID}) <= OBJECT_LIMIT


@pytest.mark.parametrize("kind", STATES)
def test_the_later_state_in_the_list_holds(kind: str) -> None:
    for lower, higher in itertools.combinations(STATES[kind], 2):
        facts = [{"id": Fact(kind=kind, state=state)} for state in (lower, higher)]

        assert merge(*facts)["id"].state == merge(*facts[::-1])["id"].state == higher


@pytest.mark.parametrize("kind", STATES)
def test_an_unknown_state_has_the_lowest_precedence(kind: str) -> None:
    known, unknown = Fact(kind=kind, state=STATES[kind][0]), Fact(kind=kind, state="zz_of_tomorrow")

    assert merge({"id": known}, {"id": unknown}) == {"id": known}
    assert (is_known_state(known), is_known_state(unknown)) == (True, False)


def test_every_kind_has_states() -> None:
    assert STATES.keys() == {*Kind}


def test_a_further_state_keeps_the_other_fields() -> None:
    known = Fact(kind=Kind.SESSION, state="unpaid", amount=4999, currency="sgd", intent="pi_a", attempt=1)

    merged = with_fact({"cs_a": known}, "cs_a", Fact(kind=Kind.SESSION, state="paid"))

    assert merged["cs_a"] == Fact(
        kind=Kind.SESSION, state="paid", amount=4999, currency="sgd", intent="pi_a", attempt=1
    )


@pytest.mark.parametrize(
    ("field", "lower", "higher"),
    [
        ("amount", 1, 700),
        ("currency", "sgd", "usd"),
        ("intent", "pi_a", "pi_b"),
        ("attempt", 1, 2),
        ("code", "card_declined", "lost_card"),
        ("due", 5, 9),
    ],
)
def test_the_greatest_value_of_each_field_is_kept(field: str, lower: Any, higher: Any) -> None:
    facts = [{"id": Fact(kind="refund", state="pending", **{field: value})} for value in (higher, lower, None)]

    for order in itertools.permutations(facts):
        assert getattr(merge(merge(order[0], order[1]), order[2])["id"], field) == higher


def test_a_fact_with_nothing_new_changes_nothing() -> None:
    known = _refunds(3)

    assert with_fact(known, "re_0001", Fact(kind=Kind.REFUND, state="pending")) is known


def test_facts_are_not_changed_in_place() -> None:
    known = _refunds(1)

    with_fact(known, "re_0000", Fact(kind=Kind.REFUND, state="failed"))

    assert known == _refunds(1)


def test_all_objects_up_to_the_limit_are_kept() -> None:
    assert merge({}, _refunds(OBJECT_LIMIT)) == _refunds(OBJECT_LIMIT)


def test_one_object_too_many_is_marked() -> None:
    merged = merge({}, _refunds(OBJECT_LIMIT + 1))

    assert merged[OVERFLOW_ID] == OVERFLOW
    assert len(merged) == OBJECT_LIMIT + 1
    assert "re_0000" not in merged


def test_a_lost_object_brings_nothing_new() -> None:
    full = merge({}, _refunds(OBJECT_LIMIT + 1))

    assert with_fact(full, "re_0000", _refunds(1)["re_0000"]) is full


@pytest.mark.parametrize("state", ["paid", "failed", "unpaid"])
def test_a_flood_does_not_displace_money(state: str) -> None:
    money = {"cs_a": Fact(kind=Kind.SESSION, state=state)}
    disputes = {f"du_{n}": Fact(kind=Kind.DISPUTE, state="won") for n in range(2000)}

    assert merge(disputes, money)["cs_a"] == merge(money, disputes)["cs_a"] == money["cs_a"]


def test_the_important_kinds_outlive_a_flood() -> None:
    flood = {f"cs_{n}": Fact(kind=Kind.SESSION, state="expired") for n in range(2000)}
    others = {f"{kind}_1": Fact(kind=kind, state="any") for kind in Kind if kind not in (Kind.SESSION, Kind.CHARGE)}
    others["charge_1"] = Fact(kind=Kind.CHARGE, state="refunded")  # one that is not refunded is only a detail

    assert others.items() <= merge(others, flood).items()


def test_random_facts_have_every_kind_and_state() -> None:
    generated = {(fact.kind, fact.state) for n in range(12) for step in range(11) for _, fact in [stripe_fact(n, step)]}

    assert {(kind, state) for kind, states in STATES.items() for state in states} <= generated


@pytest.mark.parametrize(
    ("known", "new", "again"),
    [
        ("won", "lost", True),
        ("prevented", "lost", True),
        ("appeal_under_review", "lost", True),
        ("appeal_lost", "lost", False),
        ("lost", "lost", False),
        ("under_review", "lost", False),
        ("won", "under_review", False),
    ],
)
def test_a_dispute_is_lost_again_after_it_went_further(known: str, new: str, again: bool) -> None:
    dispute = Fact(kind=Kind.DISPUTE, state=known)

    assert is_lost_again(dispute, replace(dispute, state=new)) is again


def test_an_unknown_dispute_is_not_lost_again() -> None:
    assert not is_lost_again(None, Fact(kind=Kind.DISPUTE, state="lost"))


@pytest.mark.parametrize("foreign", [Fact(kind="x", state="y"), Fact(kind="a", state="z")])
def test_an_unknown_kind_does_not_hide_a_known_one(foreign: Fact) -> None:
    paid = Fact(kind=Kind.SESSION, state="paid", amount=100)

    assert merge({"cs_a": foreign}, {"cs_a": paid}) == merge({"cs_a": paid}, {"cs_a": foreign})
    assert merge({"cs_a": foreign}, {"cs_a": paid})["cs_a"].state == "paid"
