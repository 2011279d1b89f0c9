from typing import Any

import pytest

from lea_payments.payment.record import Status
from lea_payments.store.errors import UnavailableError
from lea_payments.store.reading import batch

ITEM = {"payment_intent_id": {"S": "p_1"}, "version": {"N": "3"}, "payment_status": {"S": "completed"}}


def _keys(*ids: str) -> list[dict[str, Any]]:
    return [{"payment_intent_id": {"S": one}} for one in ids]


def test_a_look_reads_only_the_fields_of_the_state() -> None:
    look = batch.request("payments", ["p_1"], only_state=True)["RequestItems"]["payments"]
    read = batch.request("payments", ["p_1"], only_state=False)["RequestItems"]["payments"]

    assert read == {"Keys": _keys("p_1"), "ConsistentRead": True}
    assert look["ConsistentRead"]
    assert look["ExpressionAttributeNames"].keys() == {*look["ProjectionExpression"].split(", ")}
    assert {*look["ExpressionAttributeNames"].values()} == {
        *("payment_intent_id", "version", "payment_status", "status_rank", "updated_at")
    }


def test_a_payment_that_does_not_exist_is_none() -> None:
    payments = batch.payments_of({"Responses": {"payments": [ITEM]}}, "payments", ["p_1", "p_2"])

    assert payments["p_1"] is not None
    assert (payments["p_1"].version, payments["p_1"].payment_status) == (3, Status.COMPLETED)
    assert payments["p_2"] is None


def test_a_payment_that_was_not_processed_is_missing() -> None:
    response = {"Responses": {}, "UnprocessedKeys": {"payments": {"Keys": _keys("p_2")}}}

    assert batch.payments_of(response, "payments", ["p_1", "p_2"]) == {"p_1": None}


def test_an_incomplete_response_is_not_read() -> None:
    with pytest.raises(UnavailableError):
        batch.payments_of({}, "payments", ["p_1"])
