"""Checks that the first event of a payment is written without reading the record."""

from typing import Any

import pytest
from msgspec.structs import replace

from lea_payments.payment import changes
from lea_payments.payment.event import PaymentEvent
from lea_payments.payment.facts import Fact, Kind
from lea_payments.payment.record import Payment
from lea_payments.store.items import Item, attributes_of
from lea_payments.store.statements import events, records
from lea_payments.store.statements.events import Update
from lea_payments.store.statements.records import CurrentRecord
from lea_payments.telemetry.applying import NO_TRACE, Applying
from tests.support.first_events import BY_CHECKOUT, BY_HAND, PAID, REFUND
from tests.support.first_events import event_of as _event


def _update(before: CurrentRecord, event: PaymentEvent) -> Update:
    after = changes.apply(before.record, event, "t1").after
    assert after is not None
    return events.update("payments", before, after, Applying(NO_TRACE))


def _is_true(before: CurrentRecord, event: PaymentEvent, item: Item) -> bool:
    """Whether the condition of the event's write is true for this item."""
    update = _update(before, event)
    actions, _, where = update.text.partition(" WHERE ")
    parameters = iter(update.parameters[actions.count("?") :])
    literals = {"'pending'": {"S": "pending"}, **{str(number): {"N": str(number)} for number in range(3)}}
    for condition in where.split(" AND "):
        name, _, value = condition.partition("=")
        if condition == "begins_with(checkout_link,'http')":
            if "checkout_link" not in item:
                return False
            continue
        if condition.endswith(" IS MISSING"):
            expected = None
            name = name.removesuffix(" IS MISSING")
        else:
            expected = next(parameters) if value == "?" else literals[value]
        if item.get(name) != expected:
            return False
    return True


@pytest.mark.parametrize("record", [BY_CHECKOUT, BY_HAND], ids=["by checkout", "by hand"])
@pytest.mark.parametrize(
    "event",
    [
        _event(),
        _event(replace(PAID, state="expired", intent=None)),
        _event(Fact(kind=Kind.INTENT, state="declined", code="expired_card", attempt=1), "pi_a"),
    ],
    ids=["paid", "expired", "declined"],
)
def test_a_first_event_needs_one_round_trip(record: Payment, event: PaymentEvent) -> None:
    attempt = record.checkout_attempt or None
    event = replace(event, fact=replace(event.fact, attempt=attempt))

    assert _is_true(records.untouched("payment_1", event), event, attributes_of(record))


@pytest.mark.parametrize("field", ["session_id", "amount", "currency"])
def test_a_guess_without_a_value_expects_none_in_the_item(field: str) -> None:
    event = _event()
    is_fact = field != "session_id"
    event = replace(event, **({"fact": replace(event.fact, **{field: None})} if is_fact else {field: None}))

    guess = records.untouched("payment_1", event)

    assert guess.item == attributes_of(guess.record, guess.guard)
    assert len(guess.item) == len(guess.guard) - 1


def test_a_refund_first_needs_at_most_two_round_trips() -> None:
    event = _event(REFUND, "re_1")
    guess = records.untouched("payment_1", event)

    assert _is_true(guess, event, attributes_of(BY_HAND))
    assert not _is_true(guess, event, attributes_of(BY_CHECKOUT))
    assert _is_true(records.current(attributes_of(BY_CHECKOUT)), event, attributes_of(BY_CHECKOUT))


@pytest.mark.parametrize(
    "changed",
    [
        {"version": {"N": "3"}},
        {"payment_status": {"S": "completed"}},
        {"facts": {"S": "x"}},
        {"history": {"NULL": True}},
        {"status_reason": {"M": {}}},
        {"amount_refunded": {"N": "5"}},
        {"dispute_status": {"S": "open"}},
        {"other_session_id": {"S": "cs_b"}},
        {"stripe_session_id": {"S": "cs_b"}},
        {"amount": {"S": "4999"}},
        {"currency": {"S": "usd"}},
    ],
    ids=lambda changed: next(iter(changed)),
)
@pytest.mark.parametrize("record", [BY_CHECKOUT, BY_HAND], ids=["by checkout", "by hand"])
def test_a_record_that_differs_from_the_guess_is_read(record: Payment, changed: dict[str, Any]) -> None:
    event = _event(replace(PAID, attempt=record.checkout_attempt or None))

    assert not _is_true(records.untouched("payment_1", event), event, {**attributes_of(record), **changed})


@pytest.mark.parametrize(
    ("event", "ends"),
    [(_event(), True), (_event(Fact(kind=Kind.INTENT, state="declined", code="x", attempt=1), "pi_a"), False)],
    ids=["paid", "declined"],
)
def test_the_event_that_ends_the_link_removes_it(event: PaymentEvent, *, ends: bool) -> None:
    """Every later write pays for every byte of the item, and a link has some hundred."""
    update = _update(records.untouched("payment_1", event), event)

    assert (" REMOVE checkout_link WHERE " in update.text) is ends


def test_without_a_link_the_record_is_read_before_it_ends() -> None:
    """Version 0.1.0 stores no link. What REMOVE does with a missing attribute is not documented."""
    item = attributes_of(replace(BY_CHECKOUT, checkout_link=None))

    assert not _is_true(records.untouched("payment_1", _event()), _event(), item)
    assert " REMOVE " not in _update(records.current(item), _event()).text
