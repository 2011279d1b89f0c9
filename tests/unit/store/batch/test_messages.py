"""Claim: whatever the body of a response is, it is the responses to all statements or an error of boto3's client."""

import json

import pytest
from botocore.exceptions import ClientError, IncompleteReadError
from hypothesis import given, settings
from hypothesis import strategies as st

from lea_payments.store.batch.connection import Response
from lea_payments.store.batch.messages import decoded, encoded
from tests.support.examples import examples

GOOD = json.dumps({"Responses": [{"Item": {"a": {"S": "ü"}}}, {"Error": {"Code": "x"}}]}).encode()
UNREADABLE = {
    "empty": b"",
    "no JSON": b"<html>",
    "half": GOOD[:-3],
    "a list": b"[]",
    "no responses": b"{}",
    "too few": b'{"Responses":[{}]}',
    "too many": b'{"Responses":[{},{},{}]}',
    "not objects": b'{"Responses":[1,2]}',
    "no UTF-8": b'{"Responses":[{"a":"\xff"},{}]}',
    "no UTF-8 in a name": b'{"Responses":[{"\xff":1},{}]}',
    "deep": b'{"Responses":[{"a":' + b"[" * 100_000,
}


def test_a_call_asks_for_the_current_item() -> None:
    body = json.loads(encoded([("UPDATE", [{"S": "ü"}, {"NULL": True}])]))

    [statement] = body["Statements"]
    assert statement == {
        "Statement": "UPDATE",
        "Parameters": [{"S": "ü"}, {"NULL": True}],
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


def test_there_is_one_response_for_each_statement() -> None:
    assert decoded(Response(200, GOOD), 2) == json.loads(GOOD)["Responses"]


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
def test_a_body_that_cannot_be_read_is_incomplete(body: bytes) -> None:
    assert isinstance(decoded(Response(200, body), 2), IncompleteReadError)


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
def test_an_error_that_cannot_be_read_has_its_status(body: bytes) -> None:
    error = decoded(Response(502, body), 2)

    assert isinstance(error, ClientError)
    assert error.response["Error"]["Code"] == "unknown"
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 502


@pytest.mark.parametrize("name", ["message", "Message"])
def test_an_error_of_dynamodb_has_its_code_and_message(name: str) -> None:
    error = decoded(Response(400, json.dumps({"__type": "com.amazonaws#Some", name: "not now"}).encode()), 1)

    assert isinstance(error, ClientError)
    assert error.response["Error"] == {"Code": "Some", "Message": "not now"}


@settings(max_examples=examples(200, 10_000))
@given(st.integers(0, len(GOOD)), st.binary(max_size=6), st.sampled_from([200, 400, 500]))
def test_a_changed_body_raises_nothing(place: int, change: bytes, status: int) -> None:
    body = GOOD[:place] + change + GOOD[place + len(change) :]

    assert isinstance(decoded(Response(status, body), 2), list | ClientError | IncompleteReadError)
