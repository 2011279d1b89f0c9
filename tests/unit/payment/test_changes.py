from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from lea_payments.payment.changes import Applied, apply, derive, without_record
from lea_payments.payment.event import CHANGES, Outcome, PaymentEvent
from lea_payments.payment.evidence import with_evidence
from lea_payments.payment.facts import Fact, Kind
from lea_payments.payment.record import HISTORY_LIMIT, DisputeStatus, HistoryEntry, Payment, Status
from tests.support.examples import examples
from tests.support.random_facts import event_of, payment_events
from tests.support.scenario import SECOND_ATTEMPT
from tests.support.scenarios import order_independent_fields, record

NOW = "2026-01-01T00:00:01.000Z"
RECORD = record("payment_1")
PAID = Fact(kind=Kind.SESSION, state="paid", amount=4999, currency="sgd", intent="pi_a")
EXPIRED = Fact(kind=Kind.SESSION, state="expired")
UNPAID = replace(PAID, state="unpaid")

_COMPLETED: dict[str, Any] = {"payment_status": Status.COMPLETED}
_BY_EVENT: dict[str, Any] = {**_COMPLETED, "status_rank": 50, "stripe_payment_intent": "pi_a"}
RECORDS: dict[str, Payment] = {
    "by checkout": replace(RECORD, checkout_attempt=1),
    "second attempt": replace(RECORD, **SECOND_ATTEMPT),
    "second attempt, another session before": replace(RECORD, **{**SECOND_ATTEMPT, "other_session_id": "cs_test_z"}),
    "second attempt without its session": replace(RECORD, **{**SECOND_ATTEMPT, "stripe_session_id": None}),
    "by hand": RECORD,
    "by hand without session": replace(RECORD, stripe_session_id=None),
    "by hand without amount": replace(RECORD, amount=None, currency=None),
    "completed by hand": replace(RECORD, **_COMPLETED),
    "completed by hand with a PaymentIntent": replace(RECORD, **_COMPLETED, stripe_payment_intent="pi_x"),
    "failed by hand": replace(RECORD, payment_status=Status.FAILED),
    "expired by hand": replace(RECORD, payment_status=Status.EXPIRED),
    "0.1.0, completed": replace(RECORD, **_BY_EVENT),
    "0.1.0, paid twice": replace(RECORD, **_BY_EVENT, status_reason="paid_twice"),
    "0.1.0, refunded and disputed": replace(
        RECORD, **_BY_EVENT, amount_refunded=700, dispute_status=DisputeStatus.LOST
    ),
    "0.1.0, mismatch": replace(RECORD, status_rank=45, stripe_payment_intent="pi_a", status_reason="amount_mismatch"),
    "0.1.0, awaiting funds": replace(RECORD, status_rank=30, status_reason="awaiting_funds"),
}


def _read(payment: Payment) -> Payment:
    """The payment as it is read from the table."""
    return replace(payment, facts=with_evidence(payment))


def _after(payment: Payment, events: Iterable[PaymentEvent]) -> Payment:
    payment = _read(payment)
    for event in events:
        payment = _read(_changed(apply(payment, event, NOW)))
    return payment


def _changed(applied: Applied) -> Payment:
    assert applied.after is not None
    return applied.after


@pytest.mark.parametrize("payment", RECORDS.values(), ids=RECORDS.keys())
@settings(max_examples=examples(15, 50))
@given(events=payment_events(), data=st.data())
def test_order_and_copies_of_events_change_nothing(
    payment: Payment, events: Sequence[PaymentEvent], data: st.DataObject
) -> None:
    copies = data.draw(st.lists(st.sampled_from(events), max_size=3)) if events else []
    order = data.draw(st.permutations([*events, *copies]))

    one, other = _after(payment, events), _after(payment, order)

    assert order_independent_fields(one) == order_independent_fields(other)
    assert payment.payment_status is not Status.COMPLETED or one.payment_status is Status.COMPLETED


@pytest.mark.parametrize("payment", RECORDS.values(), ids=RECORDS.keys())
@settings(max_examples=examples(10, 20))
@given(events=payment_events())
def test_our_own_record_is_read_as_it_was_written(payment: Payment, events: Sequence[PaymentEvent]) -> None:
    written = derive(_after(payment, events))

    assert _read(written) == written
    assert order_independent_fields(derive(written)) == order_independent_fields(written)


def test_an_event_changes_status_version_and_times() -> None:
    applied = apply(replace(RECORD, version=2), event_of("cs_test_a", PAID), NOW)
    after = _changed(applied)

    assert applied.outcome is Outcome.APPLIED
    assert (after.payment_status, after.status_rank, after.version) == (Status.COMPLETED, 50, 3)
    assert (after.updated_at, after.webhook_processed_at) == (NOW, NOW)
    assert after.facts == {"cs_test_a": PAID}


def test_the_first_write_of_a_record_by_hand_is_version_1() -> None:
    assert _changed(apply(RECORD, event_of("cs_test_a", PAID), NOW)).version == 1


def test_a_history_entry_names_event_statuses_and_trace() -> None:
    after = _changed(apply(RECORD, event_of("cs_test_a", PAID, 1), NOW, "a" * 32))

    assert after.history == (HistoryEntry("evt_1", "some.type", "applied", "pending", "completed", NOW, "a" * 32),)


def test_the_same_event_again_is_a_duplicate() -> None:
    after = _changed(apply(RECORD, event_of("cs_test_a", PAID), NOW))

    again = apply(after, event_of("cs_test_a", PAID), NOW)

    assert again.outcome is Outcome.DUPLICATE
    assert again.after is again.before is after


def test_another_event_with_the_same_fact_is_stale() -> None:
    after = _changed(apply(RECORD, event_of("cs_test_a", PAID, 1), NOW))

    again = apply(after, event_of("cs_test_a", PAID, 2), NOW)

    assert (again.outcome, again.after) == (Outcome.STALE, after)


def test_an_earlier_state_is_stale() -> None:
    after = _changed(apply(RECORD, event_of("cs_test_a", PAID, 1), NOW))

    assert apply(after, event_of("cs_test_a", EXPIRED, 2), NOW).outcome is Outcome.STALE


def test_an_event_in_the_history_is_applied_if_its_fact_is_new() -> None:
    """As after a write of version 0.1.0, which drops facts that it does not know."""
    entry = HistoryEntry("evt_1", "some.type", "stale", "pending", "pending", NOW, None)
    known = replace(RECORD, history=(entry,))

    applied = apply(known, event_of("cs_test_a", PAID, 1), NOW)

    assert applied.outcome is Outcome.APPLIED
    assert _changed(applied).history == (entry,)


def test_a_full_history_does_not_stop_a_change() -> None:
    entry = HistoryEntry("evt_0", "some.type", "applied", "pending", "pending", NOW, None)
    full = replace(RECORD, history=(entry,) * HISTORY_LIMIT)

    after = _changed(apply(full, event_of("cs_test_a", PAID, 1), NOW))

    assert after.payment_status is Status.COMPLETED
    assert after.history == full.history


@pytest.mark.parametrize(
    ("object_id", "fact", "outcome"),
    [
        ("cs_test_a", PAID, Outcome.APPLIED),
        ("cs_test_a", replace(PAID, amount=1), Outcome.REVIEW),
        ("cs_test_b", replace(PAID, currency="usd"), Outcome.REVIEW),
        ("cs_test_a", replace(PAID, state="unpaid", amount=1), Outcome.APPLIED),
        ("re_a", Fact(kind=Kind.REFUND, state="failed", amount=1), Outcome.REVIEW),
        ("re_a", Fact(kind=Kind.REFUND, state="canceled", amount=1), Outcome.APPLIED),
        ("issfr_a", Fact(kind=Kind.WARNING, state="actionable"), Outcome.REVIEW),
        ("issfr_a", Fact(kind=Kind.WARNING, state="not_actionable"), Outcome.APPLIED),
        ("du_a", Fact(kind=Kind.DISPUTE, state="needs_response"), Outcome.APPLIED),
    ],
)
def test_an_event_that_needs_a_person_is_a_review(object_id: str, fact: Fact, outcome: Outcome) -> None:
    assert apply(RECORD, event_of(object_id, fact), NOW).outcome is outcome


def test_a_failed_refund_is_a_review_once() -> None:
    failed = Fact(kind=Kind.REFUND, state="failed", amount=700)
    after = _changed(apply(RECORD, event_of("re_a", failed, 1), NOW))

    assert apply(after, event_of("re_a", failed, 2), NOW).outcome is Outcome.STALE
    assert apply(after, event_of("re_b", failed, 3), NOW).outcome is Outcome.REVIEW


def test_only_applied_and_review_are_changes() -> None:
    assert {*CHANGES} == {Outcome.APPLIED, Outcome.REVIEW}


def test_the_day_on_which_the_wait_for_money_began_is_kept() -> None:
    waiting = _changed(apply(RECORD, event_of("cs_test_a", UNPAID), NOW))
    later = _changed(apply(waiting, event_of("cs_test_b", EXPIRED), "2026-01-09T00:00:00.000Z"))
    paid = _changed(apply(later, event_of("cs_test_a", PAID), "2026-01-10T00:00:00.000Z"))

    days = [payment.awaiting_funds_on for payment in (RECORD, waiting, later, paid)]
    assert days == [None, "2026-01-01", "2026-01-01", None]


def test_a_derived_record_without_a_time_has_no_day() -> None:
    assert derive(replace(RECORD, facts={"cs_test_a": UNPAID})).awaiting_funds_on is None


def test_a_flood_leaves_the_completion_in_the_record() -> None:
    refunds = [event_of(f"re_{n:04}", Fact(kind=Kind.REFUND, state="pending", amount=1), n) for n in range(1, 200)]

    flooded = _after(RECORD, [*refunds[:100], event_of("cs_test_a", PAID), *refunds[100:]])

    assert (flooded.payment_status, flooded.status_reason) == (Status.COMPLETED, "too_many_objects")
    assert len(flooded.history) == HISTORY_LIMIT
    assert len(flooded.facts) <= 41


def test_an_old_record_that_waits_gets_its_day_by_a_copy() -> None:
    """Version 0.1.0 did not store since when a payment waits, and the reconciler finds it by that."""
    unpaid = Fact(kind=Kind.SESSION, state="unpaid")
    waiting = Payment(payment_intent_id="payment_1", status_reason="awaiting_funds", facts={"cs_test_a": unpaid})

    after = apply(waiting, event_of("cs_test_a", unpaid), "2026-11-26T10:00:00.000Z").after

    assert after is not None
    assert after.awaiting_funds_on == "2026-11-26"


CHARGED = Fact(kind=Kind.CHARGE, state="succeeded", intent="pi_a", method="card/visa/4242")


@pytest.mark.parametrize("before", RECORDS.values(), ids=RECORDS.keys())
def test_a_payment_method_changes_nothing_that_is_published(before: Payment) -> None:
    before = derive(_read(before))

    applied = apply(before, event_of("ch_1", CHARGED), NOW)
    after = applied.after

    assert after is not None
    assert applied.outcome is Outcome.APPLIED
    assert after.facts == {**before.facts, "ch_1": CHARGED}
    changed = {"facts", "version", "updated_at", "webhook_processed_at", "awaiting_funds_on"}
    names = [name for name in Payment.__struct_fields__ if name not in changed]
    assert [getattr(after, name) for name in names] == [getattr(before, name) for name in names]


def test_a_payment_method_that_is_known_is_stale() -> None:
    after = _after(RECORD, [event_of("ch_1", CHARGED)])

    assert apply(after, event_of("ch_1", CHARGED), NOW) == Applied(Outcome.STALE, after, after)


@pytest.mark.parametrize(("fact", "outcome"), [(CHARGED, Outcome.IGNORED), (PAID, Outcome.UNMATCHED)])
def test_only_a_detail_is_ignored_without_a_record(fact: Fact, outcome: Outcome) -> None:
    assert without_record(event_of("an_id", fact)) == Applied(outcome)
