from typing import Any

import pytest
from msgspec.structs import replace
from opentelemetry.trace import INVALID_SPAN

from lea_payments.payment.event import Fact, Outcome, PaymentEvent
from lea_payments.payment.record import HISTORY_LIMIT, HistoryEntry, Payment
from lea_payments.payment.rules import READS
from lea_payments.payment.transitions import Change, apply_change
from lea_payments.store import statements
from lea_payments.store.errors import UnavailableError
from lea_payments.store.items import item_of, item_of_entry
from lea_payments.store.statements import Blocked, Busy, Failed, NotFound, Update, Written, result_of
from tests.support.scenarios import record

ENTRY = HistoryEntry("evt_0", "some.type", "stale", "pending", "pending", "t0", None)
RECORDED = Change(Outcome.STALE, recorded=True)


def _event(fact: Fact) -> PaymentEvent:
    return PaymentEvent(
        id="evt_1", type="some.type", created=0, fact=fact, session_id="cs_test_a", amount=4999, currency="sgd"
    )


def _update(before: Payment, change: Change, fact: Fact = Fact.REFUNDED) -> Update:
    after = apply_change(before, _event(fact), change, "t1")
    return statements.update("payments", item_of(before), after, change, fact, INVALID_SPAN)


def test_the_guess_is_the_record_that_checkout_creates() -> None:
    guess, item = statements.untouched("payment_1", _event(Fact.PAID))

    assert (guess.payment_intent_id, guess.stripe_session_id) == ("payment_1", "cs_test_a")
    assert item == {
        "payment_status": {"S": "pending"},
        "status_rank": {"N": "0"},
        "stripe_session_id": {"S": "cs_test_a"},
        "amount": {"N": "4999"},
        "currency": {"S": "sgd"},
        "history": {"L": []},
    }


def test_the_guess_matches_a_record_created_by_checkout() -> None:
    _, guessed = statements.untouched("payment_1", _event(Fact.PAID))

    actual = item_of(record("payment_1"))

    assert {name: actual.get(name) for name in (*READS[Fact.PAID], "history")} == {
        name: guessed.get(name) for name in (*READS[Fact.PAID], "history")
    }


def test_an_update_sets_fields_and_history_in_one_statement() -> None:
    before = record("payment_1")
    change = Change(Outcome.APPLIED, {"amount_refunded": 700}, recorded=True)

    update = _update(before, change)

    assert update.text == (
        'UPDATE "payments" SET amount_refunded=? SET updated_at=? SET webhook_processed_at=?'
        " SET history=list_append(history, ?)"
        " WHERE payment_intent_id=? AND payment_status=? AND size(history)=? AND amount_refunded IS MISSING"
    )
    assert update.parameters == [
        *({"N": "700"}, {"S": "t1"}, {"S": "t1"}),
        {"L": [item_of_entry(HistoryEntry("evt_1", "some.type", "applied", "pending", "pending", "t1", None))]},
        *({"S": "payment_1"}, {"S": "pending"}, {"N": "0"}),
    ]


def test_an_update_has_the_payment_as_key_and_keeps_its_span() -> None:
    update = _update(record("payment_1"), RECORDED)

    assert (update.key, update.span) == ("payment_1", INVALID_SPAN)


def test_a_field_that_loses_its_value_is_removed() -> None:
    before = replace(record("payment_1"), status_reason="lost_card")
    change = Change(Outcome.APPLIED, {"status_reason": None, "status_rank": 50}, recorded=True)

    update = _update(before, change, Fact.DECLINED)

    assert " REMOVE status_reason WHERE" in update.text
    assert "status_reason=?" in update.text.partition("WHERE")[2]


def test_a_field_without_a_value_before_and_after_is_left_out() -> None:
    change = Change(Outcome.APPLIED, {"status_reason": None, "status_rank": 50}, recorded=True)

    update = _update(record("payment_1"), change, Fact.DECLINED)

    assert "REMOVE" not in update.text
    assert "status_reason IS MISSING" in update.text


def test_an_event_without_effect_writes_only_the_history() -> None:
    update = _update(record("payment_1"), RECORDED)

    assert update.text.startswith('UPDATE "payments" SET history=list_append(history, ?) WHERE')


def test_a_record_by_hand_gets_its_history_with_the_first_write() -> None:
    before = Payment(payment_intent_id="payment_1")
    item = {"payment_intent_id": {"S": "payment_1"}}
    after = apply_change(before, _event(Fact.REFUNDED), RECORDED, "t1")

    update = statements.update("payments", item, after, RECORDED, Fact.REFUNDED, INVALID_SPAN)

    assert "SET history=?" in update.text
    assert "history IS MISSING" in update.text


def test_a_full_history_gets_no_further_entry() -> None:
    before = replace(record("payment_1"), history=(ENTRY,) * HISTORY_LIMIT)
    change = Change(Outcome.APPLIED, {"amount_refunded": 700}, recorded=True)

    update = _update(before, change)

    assert "list_append" not in update.text
    assert update.parameters[-1] == {"N": str(HISTORY_LIMIT)}


@pytest.mark.parametrize("fact", Fact)
def test_each_parameter_has_a_place_in_the_text(fact: Fact) -> None:
    change = Change(Outcome.APPLIED, {"amount_refunded": 700, "status_reason": None}, recorded=True)

    update = _update(replace(record("payment_1"), status_reason="lost_card"), change, fact)

    assert update.text.count("?") == len(update.parameters)


def test_checkout_writes_only_while_the_attempt_is_the_same() -> None:
    current = replace(record("payment_1"), checkout_attempt=1, status_rank=20)
    fields = {"stripe_session_id": None, "checkout_attempt": 2, "checkout_locale": None}

    arguments = statements.checkout_update(current, replace(current, **fields), fields)

    assert arguments == {
        "Key": {"payment_intent_id": {"S": "payment_1"}},
        "UpdateExpression": "SET checkout_attempt = :new_checkout_attempt REMOVE stripe_session_id",
        "ConditionExpression": (
            "attribute_exists(payment_intent_id) AND stripe_session_id = :stripe_session_id"
            " AND checkout_attempt = :checkout_attempt"
            " AND (attribute_not_exists(status_rank) OR status_rank = :status_rank)"
        ),
        "ExpressionAttributeValues": {
            ":new_checkout_attempt": {"N": "2"},
            ":stripe_session_id": {"S": "cs_test_a"},
            ":checkout_attempt": {"N": "1"},
            ":status_rank": {"N": "20"},
        },
    }


def test_checkout_requires_that_missing_fields_stay_missing() -> None:
    current = replace(record("payment_1"), stripe_session_id=None)

    arguments = statements.checkout_update(current, replace(current, stripe_session_id="cs_new"), ["stripe_session_id"])

    assert arguments["UpdateExpression"] == "SET stripe_session_id = :new_stripe_session_id"
    assert (
        "attribute_not_exists(stripe_session_id) AND attribute_not_exists(checkout_attempt)"
        in (arguments["ConditionExpression"])
    )


@pytest.mark.parametrize(
    ("response", "result"),
    [
        ({"TableName": "payments"}, Written()),
        ({"Error": {"Code": "ConditionalCheckFailed"}, "Item": {"a": {"S": "1"}}}, Blocked({"a": {"S": "1"}})),
        ({"Error": {"Code": "ConditionalCheckFailed", "Item": {"a": {"S": "1"}}}}, Blocked({"a": {"S": "1"}})),
        ({"Error": {"Code": "ConditionalCheckFailed"}}, NotFound()),
        ({"Error": {"Code": "ThrottlingError"}}, Busy("ThrottlingError")),
        ({"Error": {"Code": "TransactionConflict"}}, Busy("TransactionConflict")),
    ],
    ids=["written", "item beside the error", "item in the error", "no item", "throttled", "conflict"],
)
def test_each_response_has_its_result(response: dict[str, Any], result: object) -> None:
    actual = result_of(response)

    assert (type(actual), actual) == (type(result), result)


def test_a_missing_table_is_an_outage_with_advice() -> None:
    result = result_of({"Error": {"Code": "ResourceNotFound"}})

    assert isinstance(result, Failed)
    assert isinstance(result.error, UnavailableError)
    assert "lea-payments init-table" in str(result.error)


@pytest.mark.parametrize("error", [{"Code": "ValidationError", "Message": "bad"}, {}], ids=["code", "no code"])
def test_any_other_error_is_a_bug_of_the_service(error: dict[str, str]) -> None:
    result = result_of({"Error": error})

    assert isinstance(result, Failed)
    assert isinstance(result.error, RuntimeError)
