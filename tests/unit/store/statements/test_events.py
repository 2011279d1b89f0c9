import re
from collections.abc import Mapping
from typing import Any

import pytest
from msgspec.structs import replace

from lea_payments.payment import changes
from lea_payments.payment.event import PaymentEvent
from lea_payments.payment.evidence import NEVER_MATCHES
from lea_payments.payment.facts import Fact, Kind
from lea_payments.payment.record import HISTORY_LIMIT, DisputeStatus, HistoryEntry, Payment, Status
from lea_payments.store.items import Item, attributes_of, item_of_entry
from lea_payments.store.statements import events, pings, records
from lea_payments.store.statements.events import Update
from lea_payments.store.statements.records import GUARD, CurrentRecord
from lea_payments.telemetry.applying import NO_TRACE, Applying
from tests.support.first_events import BY_CHECKOUT, BY_HAND, PAID, REFUND
from tests.support.first_events import event_of as _event

ENTRY = HistoryEntry("evt_0", "some.type", "applied", "pending", "pending", "t0", None)
DOCUMENTED_LIMIT = 8192
"""The maximum length of a statement (API reference, BatchStatementRequest)."""


def _update(before: CurrentRecord, event: PaymentEvent) -> Update:
    after = changes.apply(before.record, event, "t1").after
    assert after is not None
    return events.update("payments", before, after, Applying(NO_TRACE))


def _assigned(update: Update) -> dict[str, Any]:
    """The assigned fields with their values."""
    names, _ = _parts(update)
    return dict(zip(names, update.parameters, strict=False))


def _parts(update: Update) -> tuple[list[str], list[str]]:
    """The actions and the conditions of a statement."""
    actions, _, where = update.text.partition(" WHERE ")
    return re.findall(r"(?:SET|REMOVE) (\w+)", actions), where.split(" AND ")


def test_the_guess_gives_the_record_that_the_item_gives() -> None:
    guess = records.untouched("payment_1", _event())

    guessed, read = _update(guess, _event()), _update(records.current(attributes_of(BY_CHECKOUT)), _event())

    assert _assigned(guessed) == _assigned(read)


OF_EVENTS: Mapping[str, Any] = {
    "payment_status": Status.EXPIRED,
    "status_reason": "expired_card",
    "status_rank": 3,
    "awaiting_funds_on": "2026-01-01",
    "amount_refunded": 700,
    "dispute_status": DisputeStatus.OPEN,
    "stripe_session_id": "cs_test_b",
    "stripe_payment_intent": "pi_a",
    "other_session_id": "cs_test_b",
    "facts": {"cs_test_a": PAID},
    "version": 3,
    "updated_at": "t1",
    "webhook_processed_at": "t1",
}
"""The fields that events assign, each with a value that the guess does not have."""

OF_CHECKOUT = {
    *("user_id", "quote_id", "amount", "currency", "product_name", "created_at", "traceparent", "return_url"),
    *("checkout_attempt", "checkout_attempt_at", "checkout_locale", "checkout_link", "canceled_at"),
}
"""The fields that only checkout assigns; an event can end a link."""


def test_every_field_is_one_of_events_or_of_checkout() -> None:
    assert {*OF_EVENTS} | OF_CHECKOUT == {*records.WRITTEN_FIELDS}


@pytest.mark.parametrize(("name", "value"), OF_EVENTS.items())
def test_a_guess_is_written_as_its_fields_are_converted(name: str, value: Any) -> None:
    before = records.untouched("payment_1", _event())
    after = replace(before.record, **{name: value})

    update = events.update("payments", before, after, Applying(NO_TRACE))

    assert _assigned(update) == attributes_of(after, [name])


def test_an_update_sets_fields_and_history_in_one_statement() -> None:
    before = records.current(attributes_of(BY_CHECKOUT) | {"history": {"L": [item_of_entry(ENTRY)]}})

    update = _update(before, _event(REFUND, "re_1"))

    assert update.text == (
        'UPDATE "payments" SET updated_at=? SET webhook_processed_at=? SET version=? SET facts=? SET amount_refunded=?'
        " SET history=list_append(history, ?)"
        " WHERE payment_intent_id=? AND version=? AND payment_status=? AND status_rank=? AND updated_at=?"
    )
    fact = {"k": {"S": "refund"}, "s": {"S": "pending"}, "a": {"N": "700"}, "p": {"S": "pi_a"}}
    entry = HistoryEntry("evt_1", "some.type", "applied", "pending", "pending", "t1", None)
    assert update.parameters == [
        *({"S": "t1"}, {"S": "t1"}, {"N": "3"}, {"M": {"re_1": {"M": fact}}}, {"N": "700"}),
        {"L": [item_of_entry(entry)]},
        *({"S": "payment_1"}, {"N": "2"}, {"S": "pending"}, {"N": "0"}, {"S": "2026-01-01T00:00:01.000Z"}),
    ]


def test_an_update_has_its_payment_as_key_and_its_event() -> None:
    before, applying = records.untouched("payment_1", _event()), Applying(NO_TRACE)
    after = changes.apply(before.record, _event(), "t1").after
    assert after is not None

    update = events.update("payments", before, after, applying)

    assert update.key == "payment_1"
    assert update.applying is applying


def test_a_write_after_a_read_is_conditional_on_the_guard() -> None:
    item: Item = {"payment_intent_id": {"S": "payment_1"}, "updated_at": {"M": {}}, "version": {"S": "x"}}

    _, conditions = _parts(_update(records.current(item), _event()))

    assert GUARD == ("version", "payment_status", "status_rank", "updated_at")
    assert conditions == [
        "payment_intent_id=?",
        "version=?",
        "payment_status IS MISSING",
        "status_rank IS MISSING",
        "attribute_type(updated_at,'M')",
    ]


def test_a_field_that_loses_its_value_is_removed() -> None:
    declined = {"pi_b": Fact(kind=Kind.INTENT, state="declined", code="lost_card", attempt=1)}
    before = changes.derive(replace(BY_CHECKOUT, facts=declined))
    assert before.status_reason == "lost_card"

    update = _update(records.current(attributes_of(before)), _event())

    assert " REMOVE status_reason REMOVE checkout_link WHERE" in update.text


@pytest.mark.parametrize("name", ["status_reason", "amount_refunded", "dispute_status", "traceparent", "product_name"])
def test_a_value_of_another_type_is_removed(name: str) -> None:
    before = records.current(attributes_of(BY_HAND) | {name: {"L": []}})

    assert f" REMOVE {name}" in _update(before, _event()).text


@pytest.mark.parametrize("name", ["version", "facts", "status_rank", "payment_status", "updated_at"])
def test_a_value_of_another_type_is_replaced(name: str) -> None:
    before = records.current(attributes_of(BY_HAND) | {name: {"L": []}})

    assert f" SET {name}=?" in _update(before, _event()).text


@pytest.mark.parametrize("stored", [None, {"S": "x"}, {"L": [{"S": "x"}]}, {"L": [{"M": {"event_id": {"N": "1"}}}]}])
def test_a_history_that_is_no_list_of_entries_is_replaced(stored: dict[str, Any] | None) -> None:
    item = attributes_of(BY_HAND) | ({"history": stored} if stored else {})
    before = records.current(item)

    update = _update(before, _event())

    assert " SET history=? WHERE" in update.text
    entries = next(parameter["L"] for parameter in update.parameters if "L" in parameter)
    assert len(entries) == len(before.record.history) + 1


def test_an_empty_history_is_appended_to() -> None:
    before = records.current(attributes_of(BY_HAND) | {"history": {"L": []}})

    assert " SET history=list_append(history, ?)" in _update(before, _event()).text


def test_a_full_history_gets_no_further_entry() -> None:
    before = records.current(attributes_of(replace(BY_CHECKOUT, history=(ENTRY,) * HISTORY_LIMIT)))

    assert "history" not in _update(before, _event()).text


@pytest.mark.parametrize(
    ("stored", "action"), [(None, ""), ({"S": "x"}, " REMOVE history")], ids=["missing", "of another type"]
)
def test_a_history_without_entries_is_no_field(stored: dict[str, Any] | None, action: str) -> None:
    before = records.current(attributes_of(BY_HAND) | ({"history": stored} if stored else {}))

    update = events.update("payments", before, replace(before.record, version=1), Applying(NO_TRACE))

    assert update.text.partition("SET version=?")[2].partition(" WHERE ")[0] == action


def test_an_amount_that_matches_nothing_is_not_written() -> None:
    before = records.current(attributes_of(BY_HAND) | {"amount": {"N": "49.99"}})

    assert before.record.amount == NEVER_MATCHES
    assert " amount=" not in _update(before, _event()).text.partition(" WHERE ")[0]


@pytest.mark.parametrize("value", [{"M": {}}, {"BOOL": True}, {"SS": ["sgd"]}, {"B": b"sgd"}], ids=str)
@pytest.mark.parametrize("field", ["amount", "currency"])
def test_an_unreadable_value_stays_as_it_is(field: str, value: dict[str, Any]) -> None:
    before = records.current(attributes_of(BY_HAND) | {field: value})

    assert f" {field}" not in _update(before, _event()).text.partition(" WHERE ")[0]


def _every_field() -> Payment:
    texts = {name: "x" for name, kind in Payment.__annotations__.items() if "str | None" in str(kind)}
    return replace(BY_CHECKOUT, **texts, facts={"re_1": REFUND}, amount_refunded=1, history=(ENTRY,))


def test_the_longest_statement_is_within_the_limit() -> None:
    item = {"payment_intent_id": {"S": "payment_1"}} | {
        name: {"NULL": True} for name in Payment.__struct_fields__ if name != "payment_intent_id"
    }
    assigned = events.update("t" * 255, records.current(item), _every_field(), Applying(NO_TRACE))
    removed = events.update("t" * 255, records.current(item), BY_HAND, Applying(NO_TRACE))

    names, _ = _parts(assigned)
    assert {*names} >= {*Payment.__struct_fields__} - {"payment_intent_id", "dispute_status"}
    assert max(len(assigned.text), len(removed.text)) < DOCUMENTED_LIMIT / 4


_ACTION = r"SET \w+=\?|SET history=list_append\(history, \?\)|REMOVE \w+"
_CONDITION = r"\w+=(?:\?|[0-9]|'pending')|\w+ IS MISSING|(?:attribute_type|begins_with)\(\w+,'\w+'\)"
DOCUMENTED = re.compile(rf'UPDATE "payments"(?: (?:{_ACTION}))+ WHERE payment_intent_id=\?(?: AND (?:{_CONDITION}))+')
"""The syntax of "PartiQL update statements for DynamoDB" with the operators `=`, AND and IS, and the functions."""


@pytest.mark.parametrize(
    "before",
    [
        records.untouched("payment_1", _event()),
        records.current(attributes_of(BY_HAND)),
        records.current(attributes_of(replace(BY_CHECKOUT, status_reason="x", history=(ENTRY,)))),
        records.current({"payment_intent_id": {"S": "payment_1"}, "version": {"NULL": True}, "facts": {"S": "x"}}),
    ],
    ids=["guess", "by hand", "by checkout", "another type"],
)
def test_a_statement_has_only_documented_syntax(before: CurrentRecord) -> None:
    update = _update(before, _event())

    assert DOCUMENTED.fullmatch(update.text), update.text
    assert update.text.count("?") == len(update.parameters)


def test_a_write_without_effect_has_a_false_condition() -> None:
    update = pings.without_effect("payments")

    assert update.text.endswith(" WHERE payment_intent_id=? AND payment_status='-' AND version IS MISSING")
    assert update.parameters == [{"S": update.key}] * 2


def test_a_creation_without_effect_has_such_a_condition_too() -> None:
    creation = pings.creation_without_effect("payments")

    assert creation["Item"] == {"payment_intent_id": {"S": pings.NO_PAYMENT}}
    assert creation["ConditionExpression"] == (
        "attribute_exists(payment_intent_id) AND attribute_not_exists(payment_intent_id)"
    )
