from typing import Any

import pytest

from lea_payments.store.batch.results import (
    OUTCOMES,
    Blocked,
    Busy,
    Failed,
    NotFound,
    Written,
    result_of,
    results_of,
)
from lea_payments.store.errors import UnavailableError
from lea_payments.telemetry import metrics


def test_every_code_has_an_outcome_that_is_counted() -> None:
    assert {*OUTCOMES.values()} <= {*metrics.STORE_OUTCOMES}


@pytest.mark.parametrize(
    ("response", "result"),
    [
        ({"TableName": "payments"}, Written()),
        ({"Error": {"Code": "ConditionalCheckFailed"}, "Item": {"a": {"S": "1"}}}, Blocked({"a": {"S": "1"}})),
        ({"Error": {"Code": "ConditionalCheckFailed", "Item": {"a": {"S": "1"}}}}, Blocked({"a": {"S": "1"}})),
        ({"Error": {"Code": "ConditionalCheckFailed"}}, NotFound()),
        ({"Error": {"Code": "ThrottlingError"}}, Busy("ThrottlingError")),
        ({"Error": {"Code": "TransactionConflict"}}, Busy("TransactionConflict")),
        ({"Error": {"Code": "InternalServerError"}}, Busy("InternalServerError")),
    ],
    ids=["written", "item beside the error", "item in the error", "no item", "throttled", "conflict", "internal error"],
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


WRITTEN: dict[str, Any] = {"TableName": "payments"}
BLOCKED: dict[str, Any] = {"Error": {"Code": "ConditionalCheckFailed"}}
THROTTLED: dict[str, Any] = {"Error": {"Code": "ThrottlingError"}}
FAILED: dict[str, Any] = {"Error": {"Code": "InternalServerError"}}


@pytest.mark.parametrize(
    ("responses", "outcome"),
    [
        ([WRITTEN, WRITTEN], metrics.OK),
        ([WRITTEN, BLOCKED], metrics.OK),
        ([WRITTEN, THROTTLED, BLOCKED], metrics.THROTTLED),
        ([FAILED, THROTTLED, WRITTEN], metrics.ERROR),
    ],
    ids=["all written", "blocked", "throttled", "error"],
)
def test_the_outcome_of_a_call_is_that_of_its_worst_write(responses: list[dict[str, Any]], outcome: str) -> None:
    results, actual = results_of(responses)

    assert results == [result_of(response) for response in responses]
    assert actual == outcome


@pytest.mark.parametrize(
    "odd", [{"Error": None}, {"Error": "text"}, {"Error": {"Code": {}}}, {"Error": {"Code": None}}]
)
def test_an_odd_response_is_an_error_or_a_failed_write(odd: dict[str, Any]) -> None:
    results, outcome = results_of([WRITTEN, odd])

    assert outcome == metrics.ERROR
    assert isinstance(results, Exception) or isinstance(results[1], Failed)
