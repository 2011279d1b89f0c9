import pytest
from msgspec.structs import replace

from lea_payments.commands.showing import explain
from lea_payments.payment import changes
from lea_payments.payment.event import PaymentEvent
from lea_payments.payment.evidence import with_evidence
from lea_payments.payment.facts import OVERFLOW, OVERFLOW_ID, STATES, Fact, Kind
from lea_payments.payment.record import DisputeStatus, HistoryEntry, Payment, Status
from lea_payments.stripe import events as stripe_events
from tests.support import stripe_bodies
from tests.support.scenarios import SCENARIOS, record

DUE = 1_767_225_600
"""2026-01-01, in seconds since 1970."""


def _after(*bodies: bytes) -> Payment:
    payment = record("payment_1")
    for body in bodies:
        event = stripe_events.translate(body, livemode=False)
        if isinstance(event, PaymentEvent):
            payment = changes.apply(payment, event, "2026-01-01T00:00:01.000Z").after or payment
    return payment


def _with(**facts: Fact) -> Payment:
    """A completed payment with these facts, and with what follows from them."""
    paid = _after(stripe_bodies.completed("payment_1"))
    return changes.derive(replace(paid, facts={**paid.facts, **facts}))


def _refund(state: str, intent: str | None = "pi_a") -> Fact:
    return Fact(kind=Kind.REFUND, state=state, amount=700, intent=intent)


def _dispute(state: str, due: int | None = DUE) -> Fact:
    return Fact(kind=Kind.DISPUTE, state=state, amount=4999, due=due)


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_scenario_can_be_explained(name: str) -> None:
    payment = _after(*SCENARIOS[name].events("payment_1"))

    assert all(explain.story(payment))
    assert sorted(known.id for known in explain.known_objects(payment)) == sorted(payment.facts)


@pytest.mark.parametrize(
    ("payment", "sentence"),
    [
        (_after(), "No event from Stripe has reached this payment yet."),
        (
            _after(stripe_bodies.completed("payment_1"), stripe_bodies.refunded("payment_1", 700)),
            "SGD 7.00 has been refunded.",
        ),
        (
            _after(
                stripe_bodies.completed("payment_1"),
                stripe_bodies.completed("payment_1", id="cs_b", payment_intent="pi_b"),
            ),
            "The customer paid twice, with two PaymentIntents: refund one of them in Stripe's dashboard.",
        ),
        (
            _after(stripe_bodies.completed("payment_1", amount_total=1)),
            explain.REASONS["amount_mismatch"],
        ),
        (_with(re_a=_refund("succeeded")), "SGD 7.00 has been refunded."),
        (_with(re_a=_refund("pending")), "A refund of SGD 7.00 is pending."),
        (_with(re_a=_refund("canceled")), "A refund of SGD 7.00 was canceled."),
        (_with(re_a=_refund("paused")), "A refund of SGD 7.00 has a state that this version does not know."),
        (
            _with(re_a=_refund("succeeded", "pi_b")),
            "SGD 7.00 has been refunded. It belongs to the PaymentIntent pi_b.",
        ),
        (
            _with(du_a=_dispute("needs_response")),
            "Dispute du_a of SGD 49.99 is open: it waits for evidence until 2026-01-01.",
        ),
        (
            _with(**{"dispute:pi_a": replace(_dispute("won"), intent="pi_a")}),
            "Dispute without an id, of pi_a, of SGD 49.99 was won: the money is back.",
        ),
        (_with(du_a=_dispute("won")), "Dispute du_a of SGD 49.99 was won: the money is back."),
        (
            _with(du_a=Fact(kind=Kind.DISPUTE, state="under_review")),
            "Dispute du_a is open: the bank reviews the evidence.",
        ),
        (
            _with(du_a=_dispute("paused")),
            "Dispute du_a of SGD 49.99 is in a state that this version does not know; it counts as open.",
        ),
        (
            _with(re_a=_refund("failed"), re_b=replace(_refund("succeeded"), amount=4500)),
            "A refund of SGD 4.99 has failed: the customer does not have this money. Refund it in another way.",
        ),
        (
            _with(issfr_a=Fact(kind=Kind.WARNING, state="actionable", intent="pi_a")),
            "The card issuer suspects fraud: refund the payment, or expect a dispute.",
        ),
        (
            _with(issfr_a=Fact(kind=Kind.WARNING, state="not_actionable")),
            "The early fraud warning issfr_a needs no action any more.",
        ),
        (
            replace(_with(), canceled_at="2026-01-01T00:00:00.000Z"),
            "The payment was canceled, but the customer had paid, or money is on its way: the money counts.",
        ),
    ],
)  # fmt: skip
def test_the_story_fits_the_record(payment: Payment, sentence: str) -> None:
    assert sentence in explain.story(payment)


@pytest.mark.parametrize("state", ["pending", "requires_action", "failed", "canceled"])
def test_a_refund_that_does_not_stand_is_not_refunded(state: str) -> None:
    story = " ".join(explain.story(_with(re_a=_refund(state))))

    assert "has been refunded" not in story
    assert "SGD 7.00" in story


@pytest.mark.parametrize("intent", ["pi_test_a", None, "pi_b"], ids=["the payer", "no intent", "a second payer"])
def test_money_refunded_after_a_failure_is_not_due(intent: str | None) -> None:
    paid = _with(cs_b=Fact(kind=Kind.SESSION, state="paid", amount=4999, currency="sgd", intent="pi_b"))
    refunds = {f"re_{state}": replace(_refund(state, intent), amount=4999) for state in ("failed", "succeeded")}

    payment = changes.derive(replace(paid, facts={**paid.facts, **refunds}))

    assert not any("Refund it in another way" in sentence for sentence in explain.story(payment))
    assert not explain.needs_person(replace(payment, status_reason=None))


def test_a_failed_refund_of_a_second_payer_is_due() -> None:
    payment = _with(re_a=_refund("failed", "pi_b"))

    assert any("A refund of SGD 7.00 has failed" in sentence for sentence in explain.story(payment))
    assert explain.needs_person(payment)


def test_refunds_of_one_state_are_added() -> None:
    story = explain.story(_with(re_a=_refund("succeeded"), re_b=_refund("succeeded", None), re_c=_refund("failed")))

    assert "SGD 14.00 has been refunded." in story


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ({"payment_status": Status.COMPLETED}, "A person or version 0.1.0 has set this status"),
        ({"dispute_status": DisputeStatus.LOST}, "the status of the dispute is lost."),
        ({"amount_refunded": 700}, "SGD 7.00 has been refunded."),
    ],
)
def test_a_record_without_facts_is_explained(written: dict[str, object], sentence: str) -> None:
    payment = replace(record("payment_1"), **written)

    story = explain.story(replace(payment, facts=with_evidence(payment)))

    assert any(sentence in each for each in story)


def test_a_record_with_too_many_objects_is_explained() -> None:
    story = explain.story(replace(record("payment_1"), facts={OVERFLOW_ID: OVERFLOW}))

    assert any("more than 40 refunds, disputes and sessions" in sentence for sentence in story)


def test_a_full_history_is_explained() -> None:
    entry = HistoryEntry("evt", "charge.refunded", "applied", "completed", "completed", "t", None)

    assert "later events are not added" in explain.story(replace(record("p"), history=(entry,) * 50))[-1]


def test_every_state_has_a_meaning() -> None:
    stored = [Fact(kind=kind, state=state) for kind, states in STATES.items() for state in states if state != "open"]

    assert not [fact for fact in stored if explain.UNKNOWN_STATE in explain.meaning(fact)]
    assert explain.meaning(Fact(kind="other", state="new")) == "a state that this version does not know"
    assert explain.meaning(OVERFLOW) == "other objects were dropped"


def test_objects_are_grouped_by_kind() -> None:
    payment = _with(re_a=_refund("failed"), du_a=_dispute("needs_response"), limit=Fact(kind="other", state="new"))

    objects = explain.known_objects(payment)

    assert [known.id for known in objects] == ["cs_test_a", "re_a", "du_a", "limit"]
    assert [known.amount for known in objects] == ["SGD 49.99", "SGD 7.00", "SGD 49.99", None]
    assert [known.evidence_due for known in objects] == [None, None, "2026-01-01", None]


@pytest.mark.parametrize(
    "fact", [_dispute("lost"), _dispute("needs_response", None), _dispute("needs_response", 10**18)]
)
def test_only_an_open_dispute_has_a_date_for_evidence(fact: Fact) -> None:
    assert explain.evidence_due(fact) is None


def test_an_amount_that_is_not_known_is_not_shown() -> None:
    """Version 0.1.0 stored that the amount differed, but not the amount."""
    old = replace(record("payment_1"), status_rank=45, status_reason="amount_mismatch")

    (known,) = explain.known_objects(replace(old, facts=with_evidence(old)))

    assert (known.state, known.amount) == ("paid", None)


def test_an_amount_without_a_currency_is_in_minor_units() -> None:
    refunded = replace(record("payment_1"), currency=None, amount_refunded=700)

    assert "700 (in minor units of an unknown currency) has been refunded." in explain.story(refunded)


@pytest.mark.parametrize(
    ("payment", "expected"),
    [
        (_with(), False),
        (_with(re_a=_refund("succeeded")), False),
        (_with(re_a=_refund("pending")), False),
        (_with(re_a=_refund("requires_action")), True),
        (_with(re_a=_refund("failed")), True),
        (_with(du_a=_dispute("needs_response")), True),
        (_with(issfr_a=Fact(kind=Kind.WARNING, state="actionable", intent="pi_a")), True),
        (_after(stripe_bodies.completed("payment_1", amount_total=1)), True),
        (_after(stripe_bodies.completed("payment_1", currency="usd")), True),
    ],
    ids=[
        *("paid", "refunded", "refund pending", "refund waits", "refund failed", "disputed", "fraud warning"),
        *("other amount", "other currency"),
    ],
)
def test_some_payments_need_a_person(payment: Payment, *, expected: bool) -> None:
    assert explain.needs_person(payment) is expected
