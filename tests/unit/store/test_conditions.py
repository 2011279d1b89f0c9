"""Checks that a write is conditional on every field that its decision reads, so that races are safe."""

import re
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from opentelemetry.trace import INVALID_SPAN

from lea_payments.payment.event import Fact, PaymentEvent
from lea_payments.payment.record import NO_CHANGE_LIMIT, PENDING_RANK, Dispute, HistoryEntry, Payment, Status
from lea_payments.payment.rules import READS, REVIEW_RULE, RULES
from lea_payments.payment.transitions import apply_change, change_for, entry_for
from lea_payments.store import statements
from lea_payments.store.items import item_of

ENTRY = HistoryEntry("evt_other", "some.type", "stale", "pending", "pending", "t", None)
SESSIONS = st.sampled_from([None, "cs_a", "cs_b"])
INTENTS = st.sampled_from([None, "pi_a", "pi_b"])
REASONS = st.sampled_from([None, "lost_card", "stolen_card", "amount_mismatch", "paid_twice"])
AMOUNTS = st.sampled_from([None, 1, 4999])
CURRENCIES = st.sampled_from([None, "sgd", "SGD", "usd"])
RECORDS = st.builds(
    Payment,
    payment_intent_id=st.just("payment_1"),
    stripe_session_id=SESSIONS,
    checkout_former_session=SESSIONS,
    stripe_payment_intent=INTENTS,
    payment_status=st.sampled_from(Status),
    status_rank=st.sampled_from([PENDING_RANK, REVIEW_RULE.rank, *(rule.rank for rule in RULES.values())]),
    status_reason=REASONS,
    amount=AMOUNTS,
    currency=CURRENCIES,
    amount_refunded=st.integers(0, 2),
    dispute_status=st.sampled_from(Dispute),
    history=st.sampled_from([(), (ENTRY,), (ENTRY._replace(event_id="evt_1"),), (ENTRY,) * NO_CHANGE_LIMIT]),
)
EVENTS = st.builds(
    PaymentEvent,
    id=st.just("evt_1"),
    type=st.just("some.type"),
    created=st.just(0),
    fact=st.just(Fact.PAID),
    session_id=SESSIONS,
    stripe_payment_intent=INTENTS,
    amount=AMOUNTS,
    currency=CURRENCIES,
    reason=REASONS,
    amount_refunded=st.integers(0, 2),
    dispute=st.sampled_from(Dispute),
)


class Recorder:
    """Returns the fields of a record and records their names."""

    def __init__(self, record: Payment) -> None:
        self._record = record
        self.fields_read: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        self.fields_read.add(name)
        return getattr(self._record, name)


def _fields_read(record: Payment, event: PaymentEvent) -> set[str]:
    """The fields that the decision and the history entry read; the record after the change is only a copy."""
    recorder = Recorder(record)
    proxy = cast("Payment", recorder)
    entry_for(proxy, event, change_for(proxy, event), "t")
    return recorder.fields_read


def _condition_fields(record: Payment, event: PaymentEvent) -> set[str]:
    change = change_for(record, event)
    after = apply_change(record, event, change, "t")
    text = statements.update("payments", item_of(record), after, change, event.fact, INVALID_SPAN).text
    return set(re.findall(r"(\w+)(?:=\?| IS MISSING|\)=\?)", text.partition(" WHERE ")[2]))


@pytest.mark.parametrize("fact", Fact)
@given(record=RECORDS, event=EVENTS)
def test_a_write_depends_on_every_field_its_decision_reads(fact: Fact, record: Payment, event: PaymentEvent) -> None:
    event = replace(event, fact=fact)

    assert _fields_read(record, event) <= _condition_fields(record, event)


@pytest.mark.parametrize("fact", Fact)
@given(record=RECORDS, other=RECORDS, event=EVENTS)
def test_fields_without_a_condition_do_not_matter(
    fact: Fact, record: Payment, other: Payment, event: PaymentEvent
) -> None:
    event = replace(event, fact=fact)
    conditional = {name: getattr(record, name) for name in (*READS[fact], "history")}

    assert change_for(replace(other, **conditional), event) == change_for(record, event)
