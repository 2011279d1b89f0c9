from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError

from lea_payments.store.dynamodb import OUTCOMES, Blocked, Busy, Failed, NotFound, Written, code_of, result_of
from lea_payments.store.errors import UnavailableError
from lea_payments.telemetry import metrics


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ClientError({"Error": {"Code": "ThrottlingException"}}, "GetItem"), "ThrottlingException"),
        (ClientError({}, "GetItem"), "unknown"),
        (ReadTimeoutError(endpoint_url="http://localhost:1"), "ReadTimeoutError"),
    ],
    ids=["dynamodb", "without a code", "botocore"],
)
def test_every_error_has_a_code(error: ClientError | BotoCoreError, code: str) -> None:
    assert code_of(error) == code


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
