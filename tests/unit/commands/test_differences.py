from typing import Any

import pytest
from msgspec.structs import replace

from lea_payments.commands.differences import Difference, Observation, differences, not_compared
from lea_payments.payment import changes
from lea_payments.payment.event import PaymentEvent
from lea_payments.payment.evidence import with_evidence
from lea_payments.payment.facts import OVERFLOW, OVERFLOW_ID, Fact, Kind
from lea_payments.payment.record import Payment, Status
from tests.support.scenarios import record

NOW = 1_767_225_600.0
"""2026-01-01, in seconds since 1970."""
HOUR = 3600
PAID = Fact(kind=Kind.SESSION, state="paid", amount=4999, currency="sgd", intent="pi_a")
UNPAID = replace(PAID, state="unpaid")
REFUND = Fact(kind=Kind.REFUND, state="succeeded", amount=700, intent="pi_a")
DISPUTE = Fact(kind=Kind.DISPUTE, state="won", amount=4999, intent="pi_a")
ALL_LISTS = {(kind, "pi_a") for kind in (Kind.REFUND, Kind.DISPUTE, Kind.WARNING)}


def _record(**facts: Fact) -> Payment:
    return changes.derive(replace(record("payment_1"), facts=facts))


def _at_stripe(facts: dict[str, Fact], hours: int = 1, **fields: Any) -> Observation:
    """What Stripe has; the objects were created so many hours ago."""
    created = int(NOW) - hours * HOUR
    events = [
        PaymentEvent(id="", type="", created=created, object_id=object_id, fact=fact)
        for object_id, fact in facts.items()
    ]
    return Observation(events, set(facts), set(), ALL_LISTS, set())._replace(**fields)


def _differences(payment: Payment, observation: Observation) -> list[Difference]:
    assert not not_compared(payment, observation)
    return list(differences(payment, observation, NOW))


def test_equal_facts_are_no_difference() -> None:
    facts = {"cs_test_a": PAID, "re_a": REFUND, "du_a": DISPUTE}

    assert _differences(_record(**facts), _at_stripe(facts)) == []


def test_a_missing_fact_is_a_difference_with_its_effect() -> None:
    (difference,) = _differences(_record(), _at_stripe({"cs_test_a": PAID}))

    assert difference == (
        "cs_test_a: Stripe has paid, and it is missing here; payment_status pending → completed",
        "the next run of the reconciler repairs it",
    )


def test_effects_follow_one_another() -> None:
    refunds = {"re_a": REFUND, "re_b": REFUND}

    found = _differences(_record(cs_test_a=PAID), _at_stripe({"cs_test_a": PAID, **refunds}))

    assert [each.what.partition("; ")[2] for each in found] == ["amount_refunded 0 → 700", "amount_refunded 700 → 1400"]


def test_a_further_state_at_stripe_is_a_difference() -> None:
    failed = replace(REFUND, state="failed")

    (difference,) = _differences(
        _record(cs_test_a=PAID, re_a=REFUND), _at_stripe({"cs_test_a": PAID, "re_a": failed}, hours=27)
    )

    assert difference.what == "re_a: the record has succeeded, Stripe has failed; amount_refunded 700 → 0"
    assert "lea-payments replay --since 30d --payment payment_1" in difference.remedy


def test_a_dispute_that_went_backwards_needs_a_person() -> None:
    lost = replace(DISPUTE, state="lost")

    (difference,) = _differences(_record(cs_test_a=PAID, du_a=DISPUTE), _at_stripe({"cs_test_a": PAID, "du_a": lost}))

    assert difference.what == "du_a: the record has won, Stripe has lost"
    assert difference.remedy.startswith("the record keeps the further state; ")
    assert "let a person decide" in difference.remedy


def test_a_fact_without_effect_is_still_a_difference() -> None:
    (difference,) = _differences(_record(cs_test_a=PAID), _at_stripe({"cs_test_a": replace(PAID, attempt=1)}))

    assert difference.what == "cs_test_a: the record has attempt none, Stripe has 1; the published fields stay"


@pytest.mark.parametrize(
    ("hours", "fields", "waiting_since", "is_reconciled"),
    [
        (25, {}, None, True),
        (27, {}, None, False),
        (27, {"undelivered": {"cs_test_a"}}, None, True),
        (300, {}, "2025-12-20", True),
        (400, {}, "2025-12-10", False),
    ],
    ids=["in the list", "too old", "undelivered", "waiting", "waiting too long"],
)
def test_the_remedy_is_one_that_works(
    hours: int, fields: dict[str, Any], waiting_since: str | None, *, is_reconciled: bool
) -> None:
    payment = _record(cs_test_a=UNPAID) if waiting_since else _record()
    payment = replace(payment, awaiting_funds_on=waiting_since)

    (difference,) = _differences(payment, _at_stripe({"cs_test_a": PAID}, hours, **fields))

    assert ("next run of the reconciler" in difference.remedy) is is_reconciled


def test_a_session_that_is_open_at_stripe_needs_a_person() -> None:
    (difference,) = _differences(_record(cs_test_a=PAID), _at_stripe({}, objects={"cs_test_a"}))

    assert difference.what == "cs_test_a: the record has paid, Stripe's session is open"


def test_a_refund_that_stripe_does_not_list_is_a_difference() -> None:
    (difference,) = _differences(_record(cs_test_a=PAID, re_a=REFUND), _at_stripe({"cs_test_a": PAID}))

    assert difference.what == "re_a: the record has succeeded, Stripe does not list it"


def test_an_object_that_stripe_does_not_have_is_a_difference() -> None:
    (difference,) = _differences(_record(cs_test_a=PAID), _at_stripe({}, missing={"cs_test_a"}))

    assert difference.what == "Stripe has no cs_test_a"
    assert "STRIPE_SECRET_KEY" in difference.remedy


def test_a_decline_that_stripe_has_forgotten_is_no_difference() -> None:
    declined = Fact(kind=Kind.INTENT, state="declined", code="card_declined")
    payment = _record(cs_test_a=PAID, pi_a=declined)

    assert _differences(payment, _at_stripe({"cs_test_a": PAID}, objects={"cs_test_a", "pi_a"})) == []


def test_published_fields_that_were_edited_are_a_difference() -> None:
    edited = replace(_record(cs_test_a=PAID), payment_status=Status.PENDING)

    (difference,) = _differences(edited, _at_stripe({"cs_test_a": PAID}))

    assert "do not follow from the facts: payment_status pending → completed" in difference.what


@pytest.mark.parametrize(("state", "number"), [("paid", 0), ("unpaid", 1)])
def test_a_payment_completed_by_hand_needs_a_paid_session(state: str, number: int) -> None:
    by_hand = replace(record("payment_1"), payment_status=Status.COMPLETED, stripe_session_id=None)
    payment = replace(by_hand, facts={**with_evidence(by_hand), "cs_b": replace(PAID, state=state, intent=None)})
    observation = _at_stripe({"cs_b": replace(PAID, state=state, intent=None)})

    found = [each.what for each in differences(payment, observation, NOW) if "completed, but" in each.what]

    assert len(found) == number
    assert not_compared(payment, observation) == [
        "by_hand: it stands for fields that no event wrote, so Stripe has no object for it"
    ]


@pytest.mark.parametrize(
    ("object_id", "fact", "reason"),
    [
        ("re_b", replace(REFUND, intent="pi_b"), "it was not read from Stripe"),
        ("dispute:pi_b", replace(DISPUTE, intent="pi_b"), "it has no id at Stripe"),
        ("ch_b", Fact(kind=Kind.CHARGE, state="refunded", amount=1, intent="pi_b"), "it was not read from Stripe"),
    ],
)
def test_what_was_not_read_is_named(object_id: str, fact: Fact, reason: str) -> None:
    payment = _record(**{object_id: fact})

    assert not_compared(payment, _at_stripe({})) == [f"{object_id}: {reason}"]


def test_a_charge_is_not_needed_beside_refunds() -> None:
    charge = Fact(kind=Kind.CHARGE, state="refunded", amount=700, intent="pi_a")

    assert not_compared(_record(ch_a=charge, re_a=REFUND), _at_stripe({"re_a": REFUND})) == []


def test_lost_facts_are_named() -> None:
    (sentence,) = not_compared(_record(**{OVERFLOW_ID: OVERFLOW}), _at_stripe({}))

    assert "keeps 40 objects and has lost others" in sentence
