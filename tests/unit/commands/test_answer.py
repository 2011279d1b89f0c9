"""The first line of `show` in every situation."""

from typing import Any

import pytest
from hypothesis import given
from msgspec.structs import replace

from lea_payments.commands.showing.answer import SENTENCES, answer
from lea_payments.commands.showing.totals import money_lines
from lea_payments.payment import changes
from lea_payments.payment.event import PaymentEvent
from lea_payments.payment.evidence import with_evidence
from lea_payments.payment.facts import OVERFLOW, OVERFLOW_ID, Fact, Kind
from lea_payments.payment.record import DisputeStatus, Payment, Status
from lea_payments.payment.situations import Situation
from lea_payments.stripe import events as stripe_events
from tests.support import stripe_bodies as stripe
from tests.support.hostile_text import RECORDS
from tests.support.scenarios import SCENARIOS, record

AT = "2026-11-27T10:02:03.000Z"
ON = "on 27 November 2026, 10:02 UTC"
SECOND = {"id": "cs_b", "payment_intent": "pi_b"}


def _after(*bodies: bytes, **more_facts: Fact) -> Payment:
    payment = record("payment_1")
    for body in bodies:
        event = stripe_events.translate(body, livemode=False)
        assert isinstance(event, PaymentEvent)
        payment = changes.apply(payment, event, AT).after or payment
    return changes.derive(replace(payment, facts={**payment.facts, **more_facts}))


def _paid(**more_facts: Fact) -> Payment:
    return _after(stripe.completed("payment_1"), **more_facts)


def _refund(state: str, amount: int = 700, intent: str | None = "pi_a") -> Fact:
    return Fact(kind=Kind.REFUND, state=state, amount=amount, intent=intent)


def _dispute(state: str, **fields: Any) -> Fact:
    return Fact(kind=Kind.DISPUTE, state=state, amount=4999, intent="pi_a", **fields)


def _twice(**more_facts: Fact) -> Payment:
    return _after(stripe.completed("payment_1"), stripe.completed("payment_1", **SECOND), **more_facts)


def _by_hand(**fields: Any) -> Payment:
    written = replace(record("payment_1"), stripe_session_id=None, **fields)
    return replace(written, facts=with_evidence(written))


WARNING = Fact(kind=Kind.WARNING, state="actionable", intent="pi_a")
ANSWERS = {
    "pending": (record("payment_1"), "Not paid yet: SGD 49.99 is due."),
    "no amount": (replace(record("payment_1"), amount=None), "Not paid yet: no amount is set."),
    "no currency": (
        replace(record("payment_1"), currency=None),
        "Not paid yet: 4999 (in minor units of an unknown currency) is due.",
    ),
    "awaiting funds": (
        _after(stripe.awaiting("payment_1")),
        f"Not paid yet: SGD 49.99 is due; the customer has finished the pay page {ON}, and the money is on its way.",
    ),
    "delayed payment failed": (
        _after(stripe.awaiting("payment_1"), stripe.async_failed("payment_1")),
        (
            f"Not paid: SGD 49.99 is due; the delayed payment failed {ON} and no money arrived, the customer needs a "
            "new link."
        ),
    ),
    "expired": (
        _after(stripe.expired("payment_1")),
        f"Not paid: SGD 49.99 is due; the link expired {ON}, the customer needs a new one.",
    ),
    "canceled": (
        replace(_after(stripe.expired("payment_1")), canceled_at=AT),
        f"Not paid: SGD 49.99 is due; the payment was canceled {ON}, and it gets no new link.",
    ),
    "canceled at an unknown time": (
        replace(record("payment_1"), canceled_at="a while ago"),
        "Not paid: SGD 49.99 is due; the payment was canceled, and it gets no new link.",
    ),
    "canceled but paid": (replace(_paid(), canceled_at=AT), f"Paid: SGD 49.99 {ON}."),
    "declined": (
        _after(stripe.declined("payment_1")),
        (
            f"Not paid: SGD 49.99 is due; the card was declined {ON} (card_declined:insufficient_funds), another card "
            "can be tried."
        ),
    ),
    "paid": (_paid(), f"Paid: SGD 49.99 {ON}."),
    "partially refunded": (_paid(re_a=_refund("succeeded")), f"Paid: SGD 49.99 {ON}; SGD 7.00 refunded."),
    "fully refunded": (_paid(re_a=_refund("succeeded", 4999)), f"Paid: SGD 49.99 {ON}; refunded in full."),
    "refund pending": (_paid(re_a=_refund("pending")), f"Paid: SGD 49.99 {ON}; a refund of SGD 7.00 is pending."),
    "refund that waits": (
        _paid(re_a=_refund("requires_action")),
        f"Paid: SGD 49.99 {ON}; a refund of SGD 7.00 waits for the customer.",
    ),
    "one refund waits, another one does not": (
        _paid(re_a=_refund("requires_action", 200), re_b=_refund("pending", 300)),
        f"Paid: SGD 49.99 {ON}; a refund of SGD 3.00 is pending; a refund of SGD 2.00 waits for the customer.",
    ),
    "refund of all pending": (
        _paid(re_a=_refund("pending", 4000), re_b=_refund("succeeded", 999)),
        f"Paid: SGD 49.99 {ON}; SGD 9.99 refunded; a refund of SGD 40.00 is pending.",
    ),
    "refund failed": (
        _paid(re_a=_refund("failed")),
        f"Paid: SGD 49.99 {ON}; a refund of SGD 7.00 failed: refund it in another way.",
    ),
    "paid twice": (
        _twice(),
        (
            "Paid twice: SGD 99.98 in all since 27 November 2026, 10:02 UTC; SGD 49.99 is due. One of the two must be "
            "refunded."
        ),
    ),
    "paid twice, one refunded": (
        _twice(re_a=_refund("succeeded", 4999, "pi_b")),
        f"Paid: SGD 49.99 {ON}; SGD 49.99 of a second payment refunded.",
    ),
    "wrong amount": (
        _after(stripe.completed("payment_1", amount_total=100)),
        f"Paid, but not as requested: SGD 1.00 {ON}; SGD 49.99 is due.",
    ),
    "wrong currency": (
        _after(stripe.completed("payment_1", currency="usd")),
        f"Paid, but not as requested: USD 49.99 {ON}; SGD 49.99 is due.",
    ),
    "unknown amount": (
        _by_hand(status_rank=45, status_reason="amount_mismatch"),
        "Paid, but not as requested: an unknown amount; SGD 49.99 is due.",
    ),
    "disputed": (
        _paid(du_a=_dispute("needs_response", due=1_767_225_600)),
        f"Paid: SGD 49.99 {ON}; disputed (SGD 49.99), the bank waits for evidence until 2026-01-01.",
    ),
    "disputed, no date": (
        _paid(du_a=_dispute("needs_response")),
        f"Paid: SGD 49.99 {ON}; disputed (SGD 49.99), the bank waits for evidence.",
    ),
    "dispute in review": (
        _paid(du_a=_dispute("under_review")),
        f"Paid: SGD 49.99 {ON}; disputed (SGD 49.99), the bank reviews the evidence.",
    ),
    "dispute lost": (
        _paid(du_a=_dispute("lost")),
        f"Paid: SGD 49.99 {ON}; a dispute was lost (SGD 49.99): the bank has the money.",
    ),
    "dispute won": (_paid(du_a=_dispute("won")), f"Paid: SGD 49.99 {ON}; a dispute was won (SGD 49.99)."),
    "dispute by hand": (
        _by_hand(dispute_status=DisputeStatus.LOST),
        "Not paid yet: SGD 49.99 is due; a dispute was lost: the bank has the money.",
    ),
    "fraud warning": (_paid(issfr_a=WARNING), f"Paid: SGD 49.99 {ON}; the card issuer suspects fraud."),
    "completed by hand": (
        _by_hand(payment_status=Status.COMPLETED),
        "Marked as paid by a person or by version 0.1.0: SGD 49.99; no payment at Stripe is known for it.",
    ),
    "too many objects": (
        _paid(**{OVERFLOW_ID: OVERFLOW}),
        f"Paid: SGD 49.99 {ON}; the record has lost objects, so there can be more.",
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_the_first_line_answers(name: str) -> None:
    payment, expected = ANSWERS[name]

    assert answer(payment) == expected


def test_every_situation_has_a_sentence() -> None:
    assert SENTENCES.keys() == set(Situation)


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_scenario_has_an_answer(name: str) -> None:
    payment = record("payment_1")
    for body in SCENARIOS[name].events("payment_1"):
        event = stripe_events.translate(body, livemode=False)
        if isinstance(event, PaymentEvent):
            payment = changes.apply(payment, event, AT).after or payment

    is_paid = answer(payment).startswith("Paid")

    assert is_paid == (payment.payment_status == Status.COMPLETED or "mismatch" in (payment.status_reason or ""))


@given(RECORDS)
def test_odd_records_have_an_answer(payment: Payment) -> None:
    assert answer(payment).endswith(".")
    assert dict(money_lines(payment)).keys() >= {"Amount", "Paid", "Refunded", "Refund pending", "Disputed"}


def test_a_time_that_cannot_be_read_is_left_out() -> None:
    payment = _paid()
    history = tuple(replace(entry, at="soon") for entry in payment.history)

    assert answer(replace(payment, history=history)) == "Paid: SGD 49.99."


def test_the_money_is_in_major_units() -> None:
    payment = _paid(re_a=_refund("succeeded"), re_b=_refund("pending", 300), re_c=_refund("failed", 100))

    assert dict(money_lines(payment)) == {
        "Amount": "SGD 49.99",
        "Paid": "SGD 49.99",
        "Refunded": "SGD 7.00",
        "Refund pending": "SGD 3.00",
        "Refund failed": "SGD 1.00",
        "Disputed": "SGD 0.00",
    }
