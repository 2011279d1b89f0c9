"""Calls BatchExecuteStatement over aiohttp, with botocore's credentials and signature."""

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import aiohttp
import msgspec
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials, RefreshableCredentials
from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError
from botocore.httpsession import get_cert_path
from botocore.session import Session
from yarl import URL

from lea_payments.store import connection

OPERATION = "BatchExecuteStatement"
_HEADERS = {
    "Accept-Encoding": "identity",
    "Content-Type": "application/x-amz-json-1.0",
    "X-Amz-Target": f"DynamoDB_20120810.{OPERATION}",
}


class _Statement(msgspec.Struct, rename="pascal"):
    statement: str
    parameters: Sequence[Mapping[str, Any]]
    return_values_on_condition_check_failure: str = "ALL_OLD"


class _Batch(msgspec.Struct, rename="pascal"):
    statements: Sequence[_Statement]


class _Response(msgspec.Struct, rename="pascal"):
    responses: list[dict[str, Any]]


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Response).decode


class _Connections:
    """Connections that calls share until one of them fails. Then the others can be dead, too."""

    def __init__(self, tls: Any) -> None:
        self.calls = 0
        self.http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connection.CONNECTIONS, ssl=tls),
            timeout=aiohttp.ClientTimeout(total=connection.TRY_SECONDS, sock_connect=connection.CONNECT_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
        )


class BatchCall:
    """The batch call of one event loop, to which its connections belong.

    boto3's client would be too slow: its models take 1.5 times as long as deciding and building the writes of a batch,
    and its threads compete with the event loop for the interpreter. Only this call is so frequent that it matters.
    """

    def __init__(self, url: str, region: str, session: Session) -> None:
        self._url = URL(url, encoded=True)
        # With the host in the headers, botocore does not parse the URL for every signature.
        self._headers = {**_HEADERS, "Host": self._url.host_port_subcomponent or ""}
        self._region = region
        credentials = session.get_credentials()
        assert credentials is not None
        self._credentials = credentials
        self._tls = _tls(session) if self._url.scheme == "https" else True
        self._connections: _Connections | None = None

    async def __call__(self, statements: Sequence[tuple[str, Sequence[Mapping[str, Any]]]]) -> list[dict[str, Any]]:
        """One response for each statement, in order. Raises ClientError and BotoCoreError, as boto3's client does."""
        body = _encode(_Batch([_Statement(text, parameters) for text, parameters in statements]))
        request = AWSRequest("POST", str(self._url), dict(self._headers), body)
        SigV4Auth(await self._current_credentials(), "dynamodb", self._region).add_auth(request)
        status, content = await self._send(body, request.headers.items())
        if status != HTTPStatus.OK:
            raise ClientError(_error_response(status, content), OPERATION)
        try:
            responses = _decode(content).responses
        except msgspec.MsgspecError:
            responses = []
        if len(responses) != len(statements):
            raise IncompleteReadError(actual_bytes=len(content), expected_bytes=-1)
        return responses

    async def close(self) -> None:
        """Closes the connections."""
        if self._connections is not None:
            await self._connections.http.close()

    async def _current_credentials(self) -> ReadOnlyCredentials:
        """The current credentials; those of a role are refreshed off the event loop."""
        credentials = self._credentials
        if isinstance(credentials, RefreshableCredentials) and credentials.refresh_needed():
            return await asyncio.to_thread(credentials.get_frozen_credentials)
        return credentials.get_frozen_credentials()

    async def _send(self, body: bytes, headers: Sequence[tuple[str, str]]) -> tuple[int, bytes]:
        used = self._connections
        if used is None:
            used = self._connections = _Connections(self._tls)
        used.calls += 1
        try:
            async with used.http.post(self._url, data=body, headers=headers, allow_redirects=False) as response:
                content = await response.read()
                if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                    response.close()  # the next try can reach another of DynamoDB's hosts
                return response.status, content
        except (aiohttp.ClientError, TimeoutError) as error:
            if self._connections is used:
                self._connections = None
            raise HTTPClientError(error=error) from error
        finally:
            used.calls -= 1
            if not used.calls and used is not self._connections:
                await used.http.close()


def _tls(session: Session) -> ssl.SSLContext:
    """A TLS context with the certificate authorities that boto3's client trusts."""
    return ssl.create_default_context(cafile=get_cert_path(session.get_config_variable("ca_bundle") or True))


def _error_response(status: int, content: bytes) -> Any:
    """The body of an error as botocore parses it; a proxy's body can be anything."""
    try:
        error = msgspec.json.decode(content, type=dict[str, Any])
    except msgspec.MsgspecError:
        error = {}
    code = str(error.get("__type", "unknown")).rpartition("#")[2]
    message = str(error.get("message") or error.get("Message") or "")
    return {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
