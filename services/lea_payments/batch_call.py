"""BatchExecuteStatement in botocore's own pieces: its credentials, signature and connections, without its models.

A batch goes through the models of boto3's client 1.5 times as slowly as it takes to decide and write what is in it;
this call, and no other, is made often enough to matter.
"""

import socket
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError, IncompleteReadError
from botocore.httpsession import URLLib3Session
from botocore.session import Session

from lea_payments import table

OPERATION = "BatchExecuteStatement"
_HEADERS = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"DynamoDB_20120810.{OPERATION}"}

_SOCKET_OPTIONS = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
"""Those of boto3's client: without the first, head and body of a request wait 40 ms for each other."""


class _Statement(msgspec.Struct, rename="pascal"):
    statement: str
    parameters: Sequence[Mapping[str, Any]]
    return_values_on_condition_check_failure: str = "ALL_OLD"


class _Batch(msgspec.Struct, rename="pascal"):
    statements: Sequence[_Statement]


class _Answer(msgspec.Struct, rename="pascal"):
    responses: list[dict[str, Any]]


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Answer).decode


class BatchCall:
    """The call, as a function that blocks; one for all threads."""

    def __init__(self, url: str, region: str, session: Session) -> None:
        self._url = url
        self._region = region
        credentials = session.get_credentials()
        assert credentials is not None  # noqa: S101 - table.session has seen to it
        self._credentials = credentials
        self._http = URLLib3Session(
            verify=session.get_config_variable("ca_bundle") or True,
            timeout=(table.CONNECT_SECONDS, table.READ_SECONDS),  # type: ignore[arg-type]  # the stubs know one number
            max_pool_connections=table.CONNECTIONS,
            socket_options=_SOCKET_OPTIONS,  # type: ignore[arg-type]  # the stubs are wrong
        )

    def __call__(self, statements: Sequence[tuple[str, Sequence[Mapping[str, Any]]]]) -> list[dict[str, Any]]:
        """One response for each statement, in order; raises ClientError and BotoCoreError as boto3's client does."""
        body = _encode(_Batch([_Statement(text, parameters) for text, parameters in statements]))
        request = AWSRequest("POST", self._url, dict(_HEADERS), body)
        SigV4Auth(self._credentials.get_frozen_credentials(), "dynamodb", self._region).add_auth(request)
        answer = self._http.send(request.prepare())
        if answer.status_code != 200:  # noqa: PLR2004 - DynamoDB knows no other success
            raise ClientError(_problem(answer.content), OPERATION)
        try:
            responses = _decode(answer.content).responses
        except msgspec.MsgspecError:
            responses = []
        if len(responses) != len(statements):
            raise IncompleteReadError(actual_bytes=len(answer.content), expected_bytes=-1)
        return responses

    def close(self) -> None:
        """Lets go of the connections."""
        self._http.close()


def _problem(content: bytes) -> Any:
    try:
        found = msgspec.json.decode(content, type=dict[str, Any])
    except msgspec.MsgspecError:
        found = {}
    code = str(found.get("__type", "unknown")).rpartition("#")[2]
    return {"Error": {"Code": code, "Message": str(found.get("message") or found.get("Message") or "")}}
