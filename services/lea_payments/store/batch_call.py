"""Calls BatchExecuteStatement over aiohttp, with botocore's credentials."""

import asyncio
import hmac
import ssl
import time
from collections.abc import Mapping, Sequence
from hashlib import sha256
from http import HTTPStatus
from typing import Any

import aiohttp
import msgspec
from botocore.credentials import ReadOnlyCredentials, RefreshableCredentials
from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError
from botocore.httpsession import get_cert_path
from botocore.session import Session
from yarl import URL

from lea_payments.outbound import way
from lea_payments.store import connection

OPERATION = "BatchExecuteStatement"
_ENCODING, _CONTENT_TYPE, _TARGET = "identity", "application/x-amz-json-1.0", f"DynamoDB_20120810.{OPERATION}"


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


class Signer:
    """Signs the batch calls to one endpoint with AWS Signature Version 4.

    The text to sign follows "Create a signed AWS API request" in the IAM User Guide, for the headers that a batch call
    has. A test compares it with botocore's signer, which takes 15 times as long: the key changes once a day, and of
    the headers only the time.
    """

    def __init__(self, url: URL, region: str) -> None:
        self._host, self._path, self._region = url.host_port_subcomponent or "", url.raw_path or "/", region
        self._key_for: tuple[str | None, str] | None = None
        self._key = b""

    def headers(self, body: bytes, credentials: ReadOnlyCredentials, now: float) -> dict[str, str]:
        """The headers of a call with this body. `now` is in seconds since 1970."""
        at = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
        scope = f"{at[:8]}/{self._region}/dynamodb/aws4_request"
        headers = {"accept-encoding": _ENCODING, "content-type": _CONTENT_TYPE, "host": self._host, "x-amz-date": at}
        if credentials.token:
            headers["x-amz-security-token"] = credentials.token
        headers["x-amz-target"] = _TARGET
        names = ";".join(headers)
        lines = "".join([f"{name}:{value}\n" for name, value in headers.items()])
        request = f"POST\n{self._path}\n\n{lines}\n{names}\n{sha256(body).hexdigest()}"
        text = f"AWS4-HMAC-SHA256\n{at}\n{scope}\n{sha256(request.encode()).hexdigest()}"
        signature = hmac.digest(self._signing_key(credentials.secret_key, at[:8]), text.encode(), "sha256").hex()
        credential = f"Credential={credentials.access_key}/{scope}"
        headers["authorization"] = f"AWS4-HMAC-SHA256 {credential}, SignedHeaders={names}, Signature={signature}"
        return headers

    def _signing_key(self, secret_key: str | None, day: str) -> bytes:
        if self._key_for != (secret_key, day):
            key = f"AWS4{secret_key}".encode()
            for part in (day, self._region, "dynamodb", "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._key_for, self._key = (secret_key, day), key
        return self._key


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
        self._signer = Signer(self._url, region)
        self.proxy = way.proxy_for(url)
        self._way = way.request_options({}, self.proxy, over_tls=self._url.scheme == "https")
        credentials = session.get_credentials()
        assert credentials is not None
        self._credentials = credentials
        has_tls = self._url.scheme == "https" or (self.proxy is not None and self.proxy.address.startswith("https:"))
        self._tls = _tls(session) if has_tls else True
        self._connections: _Connections | None = None

    async def __call__(self, statements: Sequence[tuple[str, Sequence[Mapping[str, Any]]]]) -> list[dict[str, Any]]:
        """One response for each statement, in order. Raises ClientError and BotoCoreError, as boto3's client does."""
        body = _encode(_Batch([_Statement(text, parameters) for text, parameters in statements]))
        headers = self._signer.headers(body, await self._current_credentials(), time.time())
        status, content = await self._send(body, headers)
        if status != HTTPStatus.OK:
            raise ClientError(_error_response(status, content), OPERATION)
        try:
            responses = _decode(content).responses
        except msgspec.MsgspecError:
            responses = []
        if len(responses) != len(statements):
            raise IncompleteReadError(actual_bytes=len(content), expected_bytes=-1)
        return responses

    def _options(self, headers: Mapping[str, str]) -> Mapping[str, Any]:
        """The headers and the proxy of a request."""
        return {**self._way, "headers": {**headers, **self._way["headers"]}}

    async def close(self) -> None:
        """Closes the connections."""
        if self._connections is not None:
            await self._connections.http.close()

    async def _current_credentials(self) -> ReadOnlyCredentials:
        """The current credentials; those of a role are refreshed off the event loop."""
        credentials = self._credentials
        if isinstance(credentials, RefreshableCredentials) and credentials.refresh_needed():
            try:
                async with asyncio.timeout(connection.TRY_SECONDS):
                    return await asyncio.to_thread(credentials.get_frozen_credentials)
            except TimeoutError as error:
                # The thread goes on. While it does, botocore returns the present credentials as long as they are valid.
                raise HTTPClientError(error=error) from error
        return credentials.get_frozen_credentials()

    async def _send(self, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        used = self._connections
        if used is None:
            used = self._connections = _Connections(self._tls)
        used.calls += 1
        try:
            async with used.http.post(
                self._url,
                data=body,
                allow_redirects=False,
                **self._options(headers),
            ) as response:
                content = await response.read()
                if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR and self._connections is used:
                    self._connections = None  # another connection can reach another of DynamoDB's hosts
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
