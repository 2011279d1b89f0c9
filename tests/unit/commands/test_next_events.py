from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from lea_payments.commands.showing.next_events import NextEvent, next_events
from lea_payments.payment import changes
from lea_payments.payment.facts import Fact, Kind
from lea_payments.payment.record import Payment
from tests.support.scenarios import record

PAID = Fact(kind=Kind.SESSION, state="paid", amount=4999, currency="sgd", intent="pi_a")


def _with(**facts: Fact) -> Payment:
    return changes.derive(replace(record("payment_1"), facts=facts))


def _events(payment: Payment) -> Mapping[str, NextEvent]:
    return {event.event: event for event in next_events(payment)}


@pytest.mark.parametrize(
    ("event", "effect"),
    [
        ("checkout.session.completed, paid", "payment_status pending → completed"),
        (
            "checkout.session.completed, unpaid",
            "status_reason none → awaiting_funds",
        ),
        (
            "checkout.session.async_payment_failed",
            "payment_status pending → failed, status_reason none → async_payment_failed",
        ),
        ("checkout.session.expired", "payment_status pending → expired"),
        ("payment_intent.payment_failed", "payment_status pending → failed, status_reason none → card_declined"),
    ],
)
def test_a_pending_payment_can_end_in_each_way(event: str, effect: str) -> None:
    next_event = _events(record("payment_1"))[event]

    assert (next_event.outcome, next_event.effect) == ("applied", effect)


def test_nothing_but_money_changes_a_completed_payment() -> None:
    events = _events(_with(cs_test_a=PAID))

    stale = {name for name, event in events.items() if event.outcome == "stale"}
    assert stale == {
        "checkout.session.completed, paid",
        "checkout.session.completed, unpaid",
        "checkout.session.async_payment_succeeded",
        "checkout.session.async_payment_failed",
        "checkout.session.expired",
    }
    assert events["checkout.session.completed, paid, of another session"].effect == "status_reason none → paid_twice"
    assert events["payment_intent.payment_failed"].effect == "the fact is stored, the status stays"
    assert events["refund.created"].effect == "amount_refunded SGD 0.00 → SGD 49.99"
    assert events["radar.early_fraud_warning.created"].effect == "status_reason none → early_fraud_warning"


def test_refunds_and_disputes_that_have_not_ended_can_end() -> None:
    refunds = {
        f"re_{state}": Fact(kind=Kind.REFUND, state=state, amount=100, intent="pi_a")
        for state in ("succeeded", "failed")
    }
    disputes = {f"du_{state}": Fact(kind=Kind.DISPUTE, state=state) for state in ("needs_response", "won")}

    events = next_events(_with(cs_test_a=PAID, **refunds, **disputes))

    ends = {(event.event, event.object_id): event.effect for event in events}
    assert ends["refund.failed", "re_succeeded"] == "amount_refunded SGD 1.00 → SGD 0.00"
    assert ends["charge.dispute.closed, lost", "du_needs_response"] == "dispute_status open → lost"
    assert not [name for name in ends if name[1] in ("re_failed", "du_won")]


def test_what_a_session_has_reported_stays() -> None:
    events = _events(_with(cs_test_a=replace(PAID, state="unpaid", amount=1)))

    assert events["checkout.session.async_payment_succeeded"].effect == "status_reason awaiting_funds → amount_mismatch"


def test_a_record_without_a_session_or_currency_has_next_events() -> None:
    events = _events(replace(record("payment_1"), stripe_session_id=None, currency=None, amount=None))

    assert events["checkout.session.completed, paid"].effect == "payment_status pending → completed"
    assert "checkout.session.completed, paid, of another session" not in events
