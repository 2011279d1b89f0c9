from typing import Any

import pytest
from msgspec.structs import replace

from lea_payments.commands.at_stripe.differences import Difference, differences, notes, with_stripe
from lea_payments.commands.at_stripe.observation import Observation
from lea_payments.commands.at_stripe.unread import not_compared
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
    return Observation(events, set(facts), set(), ALL_LISTS, {})._replace(**fields)


def _differences(payment: Payment, observation: Observation) -> list[Difference]:
    assert not not_compared(payment, observation)
    return list(differences(payment, observation, NOW))


@pytest.mark.parametrize("canceled_at", [None, "2026-01-01T00:00:00.000Z"])
def test_an_open_session_of_a_canceled_payment_is_one(canceled_at: str | None) -> None:
    payment = replace(record("payment_1"), canceled_at=canceled_at)

    found = _differences(changes.derive(payment), _at_stripe({}, objects={"cs_test_a"}, open_sessions={"cs_test_a"}))

    assert [difference.what for difference in found] == (
        ["cs_test_a: the payment is canceled, and Stripe's session is open"] if canceled_at else []
    )


def test_equal_facts_are_no_difference() -> None:
    facts = {"cs_test_a": PAID, "re_a": REFUND, "du_a": DISPUTE}

    assert _differences(_record(**facts), _at_stripe(facts)) == []


def test_the_record_with_stripe_has_what_it_lacks() -> None:
    after = with_stripe(_record(), _at_stripe({"cs_test_a": PAID, "re_a": REFUND}))

    assert (after.payment_status, after.amount_refunded) == (Status.COMPLETED, 700)


def test_a_state_that_is_not_known_is_not_compared() -> None:
    facts = {"cs_test_a": PAID, "re_a": replace(REFUND, state="paused")}

    assert not_compared(_record(**facts), _at_stripe(facts)) == ["re_a: this version does not know the state paused"]


def test_a_missing_fact_is_a_difference_with_its_effect() -> None:
    (difference,) = _differences(_record(), _at_stripe({"cs_test_a": PAID}))

    assert difference == (
        "cs_test_a: Stripe has paid, and it is missing here; payment_status pending → completed",
        "the next run of the reconciler repairs it",
    )


def test_effects_follow_one_another() -> None:
    refunds = {"re_a": REFUND, "re_b": REFUND}

    found = _differences(_record(cs_test_a=PAID), _at_stripe({"cs_test_a": PAID, **refunds}))

    assert [each.what.partition("; ")[2] for each in found] == [
        "amount_refunded SGD 0.00 → SGD 7.00",
        "amount_refunded SGD 7.00 → SGD 14.00",
    ]


def test_a_further_state_at_stripe_is_a_difference() -> None:
    failed = replace(REFUND, state="failed")

    (difference,) = _differences(
        _record(cs_test_a=PAID, re_a=REFUND), _at_stripe({"cs_test_a": PAID, "re_a": failed}, hours=27)
    )

    assert difference.what == "re_a: the record has succeeded, Stripe has failed; amount_refunded SGD 7.00 → SGD 0.00"
    assert "lea-payments replay --since 30d --payment payment_1" in difference.remedy


def test_a_dispute_that_is_lost_again_is_a_difference() -> None:
    lost = replace(DISPUTE, state="lost")

    (difference,) = _differences(_record(cs_test_a=PAID, du_a=DISPUTE), _at_stripe({"cs_test_a": PAID, "du_a": lost}))

    assert difference.what == "du_a: the record has won, Stripe has lost"
    assert difference.remedy == "an event cannot change this back; the next run of the reconciler repairs it"


def test_a_lost_appeal_is_no_difference() -> None:
    lost, appeal_lost = replace(DISPUTE, state="lost"), replace(DISPUTE, state="appeal_lost")

    record = _record(cs_test_a=PAID, du_a=appeal_lost)

    assert _differences(record, _at_stripe({"cs_test_a": PAID, "du_a": lost})) == []


def test_a_refund_that_went_backwards_needs_a_person() -> None:
    failed = replace(REFUND, state="failed")

    (difference,) = _differences(_record(cs_test_a=PAID, re_a=failed), _at_stripe({"cs_test_a": PAID, "re_a": REFUND}))

    assert difference.what == "re_a: the record has failed, Stripe has succeeded"
    assert difference.remedy.startswith("an event cannot change this back; ")
    assert "let a person decide" in difference.remedy


@pytest.mark.parametrize(
    ("known", "at_stripe", "text"),
    [
        (PAID, replace(PAID, attempt=1), "attempt none, Stripe has 1"),
        (replace(REFUND, amount=None), replace(REFUND, amount=0), "amount none, Stripe has SGD 0.00"),
        (replace(DISPUTE, intent=None), DISPUTE, "intent none, Stripe has pi_a"),
    ],
    ids=["attempt", "amount", "intent"],
)
def test_a_detail_without_effect_is_only_a_note(known: Fact, at_stripe: Fact, text: str) -> None:
    """Records of version 0.1.0 do not have these details."""
    object_id = {Kind.SESSION: "cs_test_a", Kind.REFUND: "re_a", Kind.DISPUTE: "du_a"}[Kind(known.kind)]
    payment = _record(**{"cs_test_a": PAID, object_id: known})
    observation = _at_stripe({"cs_test_a": PAID, object_id: at_stripe})

    assert _differences(payment, observation) == []
    assert notes(payment, observation) == [
        f"{object_id}: the record has {text}; the published fields do not depend on it"
    ]


@pytest.mark.parametrize(
    ("known", "at_stripe", "text"),
    [
        (
            DISPUTE,
            replace(DISPUTE, due=1),
            "the record has due none, Stripe has 1970-01-01 00:00:01 UTC; the published fields stay",
        ),
        (
            DISPUTE,
            replace(DISPUTE, amount=5000),
            "the record has amount SGD 49.99, Stripe has SGD 50.00; the published fields",
        ),
        (replace(DISPUTE, state="prevented"), DISPUTE, "the record has prevented, Stripe has won; the published"),
    ],
    ids=["date for evidence", "another amount", "state"],
)
def test_a_fact_without_effect_is_still_a_difference(known: Fact, at_stripe: Fact, text: str) -> None:
    payment = _record(cs_test_a=PAID, du_a=known)
    observation = _at_stripe({"cs_test_a": PAID, "du_a": at_stripe})

    (difference,) = _differences(payment, observation)

    assert difference.what.startswith(f"du_a: {text}")
    assert notes(payment, observation) == []


@pytest.mark.parametrize("fact", [None, replace(UNPAID, attempt=1)], ids=["no session", "an unpaid session"])
def test_a_paid_intent_without_a_paid_session_differs(fact: Fact | None) -> None:
    sessions = {"cs_test_a": fact} if fact else {}

    (difference,) = _differences(_record(**sessions), _at_stripe(sessions, succeeded={"pi_a"}))

    assert difference.what == "pi_a: Stripe has succeeded, and no paid session of it is known"
    assert "let a person decide" in difference.remedy


def test_a_paid_intent_of_a_paid_session_is_no_difference() -> None:
    assert _differences(_record(cs_test_a=PAID), _at_stripe({"cs_test_a": PAID}, succeeded={"pi_a"})) == []


@pytest.mark.parametrize(
    ("facts", "at_stripe", "expected"),
    [
        ({}, {"cs_test_a": PAID}, "no command can read this: its event is older than 30 days; no event repairs this"),
        (
            {"cs_test_a": PAID, "du_a": replace(DISPUTE, state="needs_response")},
            {"cs_test_a": PAID, "du_a": DISPUTE},
            "run lea-payments replay --since 30d --payment payment_1; if that finds nothing",
        ),
    ],
    ids=["a session", "a dispute that can have a newer event"],
)
def test_stripe_keeps_events_for_30_days(facts: dict[str, Fact], at_stripe: dict[str, Fact], expected: str) -> None:
    (difference,) = _differences(_record(**facts), _at_stripe(at_stripe, hours=31 * 24))

    assert difference.remedy.startswith(expected)


@pytest.mark.parametrize(
    ("hours", "fields", "waiting_since", "is_reconciled"),
    [
        (25, {}, None, True),
        (27, {}, None, False),
        (27, {"undelivered": {"cs_test_a": NOW - 71 * HOUR}}, None, True),
        (99, {"undelivered": {"cs_test_a": NOW - 73 * HOUR}}, None, False),
        (300, {}, "2025-12-20", True),
        (400, {}, "2025-12-10", False),
    ],
    ids=["in the list", "too old", "undelivered", "undelivered too long", "waiting", "waiting too long"],
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
