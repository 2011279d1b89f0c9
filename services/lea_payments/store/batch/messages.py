"""Encodes the statements of a batch call as JSON, and decodes its response."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from botocore.exceptions import ClientError, IncompleteReadError

from lea_payments.store.batch.connection import Response
from lea_payments.store.batch.signing import OPERATION

Statements = Sequence[tuple[str, Sequence[Mapping[str, Any]]]]
Responses = list[dict[str, Any]]


class _Statement(msgspec.Struct, rename="pascal"):
    statement: str
    parameters: Sequence[Mapping[str, Any]]
    return_values_on_condition_check_failure: str = "ALL_OLD"


class _Batch(msgspec.Struct, rename="pascal"):
    statements: Sequence[_Statement]


class _Response(msgspec.Struct, rename="pascal"):
    responses: Responses


_OK = int(HTTPStatus.OK)
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Response).decode
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What the decoder raises for bytes that are no JSON, no UTF-8 or nested too deeply."""


def encoded(statements: Statements) -> bytes:
    """The body of a call. For a false condition, DynamoDB returns the current item."""
    return _encode(_Batch([_Statement(text, parameters) for text, parameters in statements]))


def decoded(response: Response, count: int) -> Responses | ClientError | IncompleteReadError:
    """DynamoDB's response to each of so many statements, or the error that boto3's client would raise."""
    if response.status != _OK:
        return ClientError(_error_response(response.status, response.content), OPERATION)
    try:
        responses = _decode(response.content).responses
    except _UNREADABLE:
        responses = []
    if len(responses) != count:
        return IncompleteReadError(actual_bytes=len(response.content), expected_bytes=-1)
    return responses


def _error_response(status: int, content: bytes) -> Any:
    """The body of an error as botocore parses it; a proxy's body can be anything."""
    try:
        error = msgspec.json.decode(content, type=dict[str, Any])
    except _UNREADABLE:
        error = {}
    code = str(error.get("__type", "unknown")).rpartition("#")[2]
    message = str(error.get("message") or error.get("Message") or "")
    return {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
