import re

import pytest
from msgspec.structs import replace

from lea_payments.payment.evidence import NEVER_MATCHES, UNREADABLE_CURRENCY
from lea_payments.payment.facts import Fact, Kind
from lea_payments.payment.record import DisputeStatus, HistoryEntry, Payment
from lea_payments.store.items import attributes_of
from lea_payments.store.statements import checkout, records

ENTRY = HistoryEntry("evt_0", "some.type", "applied", "pending", "pending", "t0", None)
BY_HAND = Payment(payment_intent_id="payment_1", stripe_session_id="cs_test_a", amount=4999, currency="sgd")


def _full_record() -> Payment:
    texts = {name: "x" for name, kind in Payment.__annotations__.items() if "str | None" in str(kind)}
    numbers = {"amount": 4999, "amount_refunded": 1, "version": 2, "status_rank": 0, "checkout_attempt": 1}
    facts = {"re_1": Fact(kind=Kind.REFUND, state="pending", amount=1)}
    history = (ENTRY,)
    return replace(BY_HAND, **texts, **numbers, facts=facts, dispute_status=DisputeStatus.WON, history=history)


def test_a_record_is_created_if_there_is_none() -> None:
    arguments = checkout.creation("payments", BY_HAND)

    assert arguments["Item"] == attributes_of(BY_HAND)
    assert arguments["ConditionExpression"] == "attribute_not_exists(payment_intent_id)"
    assert arguments["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD"


def test_checkout_writes_every_field_but_the_history() -> None:
    record = replace(BY_HAND, version=3, updated_at="t0", history=(ENTRY,))

    arguments = checkout.checkout_update(records.as_read(record), replace(record, updated_at="t1"))

    assert arguments["ConditionExpression"] == (
        "attribute_exists(payment_intent_id) AND version = :old_version AND payment_status = :old_payment_status"
        " AND attribute_not_exists(status_rank) AND updated_at = :old_updated_at"
    )
    names = set(re.findall(r"\w+", arguments["UpdateExpression"])) - {"SET", "REMOVE"}
    fields = {name for name in names if not name.startswith("new_")}
    assert fields == {*Payment.__struct_fields__} - {"payment_intent_id", "history"}
    assert arguments["Key"] == {"payment_intent_id": {"S": "payment_1"}}
    assert arguments["ExpressionAttributeValues"].items() >= {":old_version": {"N": "3"}}.items()


def test_checkout_requires_that_missing_fields_stay_missing() -> None:
    arguments = checkout.checkout_update(records.as_read(BY_HAND), replace(BY_HAND, version=1))

    missing = [f"attribute_not_exists({name})" for name in ("version", "status_rank", "updated_at")]
    assert all(condition in arguments["ConditionExpression"] for condition in missing)
    assert arguments["UpdateExpression"].endswith(", history")


def test_checkout_compares_an_odd_value_by_its_type() -> None:
    item = attributes_of(BY_HAND) | {"version": {"S": "3"}, "updated_at": {"L": []}}

    arguments = checkout.checkout_update(records.current(item), replace(BY_HAND, version=4))

    assert arguments["ConditionExpression"] == (
        "attribute_exists(payment_intent_id) AND version = :old_version AND payment_status = :old_payment_status"
        " AND attribute_not_exists(status_rank) AND attribute_type(updated_at, :type_updated_at)"
    )
    assert (
        arguments["ExpressionAttributeValues"].items()
        >= {
            ":old_version": {"S": "3"},
            ":type_updated_at": {"S": "L"},
        }.items()
    )


def test_checkout_stores_the_former_session_for_old_pods() -> None:
    record = replace(BY_HAND, stripe_session_id="cs_former")

    arguments = checkout.checkout_update(records.as_read(record), replace(record, stripe_session_id=None))

    assert arguments["ExpressionAttributeValues"][":new_checkout_former_session"] == {"S": "cs_former"}


@pytest.mark.parametrize(("field", "value"), [("amount", NEVER_MATCHES), ("currency", UNREADABLE_CURRENCY)])
def test_checkout_keeps_a_value_that_is_unreadable(field: str, value: str | int) -> None:
    record = replace(BY_HAND, **{field: value})

    arguments = checkout.checkout_update(records.as_read(record), replace(record, version=1))

    assert f" {field} " not in arguments["UpdateExpression"].replace(",", " ")


def test_checkout_removes_nothing_from_a_full_record() -> None:
    record = _full_record()

    arguments = checkout.checkout_update(records.as_read(record), record)

    assert "REMOVE" not in arguments["UpdateExpression"]
