"""Sends DynamoDB's BatchExecuteStatement, whose result comes to a callback.

The webhook makes this call for each batch of events, and for a lone event it was half of the CPU. So it has a client of
its own, without a task, a future or a timer per call. With one statement, signed and decoded, on uvloop, a call costs
14 µs of CPU (16 µs if a coroutine waits for it) where aiohttp needs 87 µs, over TLS 20 µs instead of 100 to 120 µs, and
as much with four calls in flight. The same bytes without HTTP, signature and JSON cost 9 µs, for the loop and its
system calls. Measured on 27 November 2026, in turns, against `tests/bench/backends.py`.

`messages` has the JSON, `signing` the bytes of a request, `connection` speaks HTTP, `connections` is the pool with the
time limits, `opening` makes connections, and `credentials` has botocore's. All errors are those of boto3's client.
"""

import asyncio
import ssl
import time
from collections.abc import Callable
from functools import partial
from urllib.parse import urlsplit

from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.httpsession import get_cert_path
from botocore.session import Session

from lea_payments.outbound import way
from lea_payments.store.batch.connection import Response
from lea_payments.store.batch.connections import Connections, Exchange, Result
from lea_payments.store.batch.credentials import CurrentCredentials
from lea_payments.store.batch.messages import Responses, Statements, decoded, encoded
from lea_payments.store.batch.opening import Opener
from lea_payments.store.batch.signing import Signer
from lea_payments.store.group_commit import settle

CallError = BotoCoreError | ClientError
Done = Callable[[Responses | CallError], None]


class BatchCall:
    """The batch call of one event loop, to which its connections belong."""

    def __init__(self, url: str, region: str, session: Session) -> None:
        self._url = url
        self.proxy = proxy = way.proxy_for(url)
        credentials = session.get_credentials()
        assert credentials is not None
        self._credentials = CurrentCredentials(credentials)
        is_http = urlsplit(url).scheme == "http"
        to_proxy = proxy.headers if proxy and is_http else {}
        self._signer = Signer(url, region, to_proxy, is_absolute=proxy is not None and is_http)
        has_tls = not is_http or (proxy is not None and proxy.address.startswith("https:"))
        self._opener = Opener(url, proxy, _tls(session) if has_tls else None)
        self._connections: Connections | None = None
        self._loop: asyncio.AbstractEventLoop

    def send(self, statements: Statements, done: Done) -> None:
        """Sends the statements. `done` gets one response for each of them, in order, or the error of boto3's client.

        It is called exactly once, in the event loop, and never before this method has returned.
        """
        body = encoded(statements)
        connections = self._connections
        if connections is None:
            self._loop = asyncio.get_running_loop()
            connections = self._connections = Connections(self._opener, self._url)
        exchange = Exchange(partial(_deliver, done, len(statements)))
        connections.begin(exchange)
        credentials = self._credentials.current(self._loop.time())
        if credentials is None:
            self._credentials.fetch(partial(self._send, exchange, body))
        else:
            self._send(exchange, body, credentials)

    async def __call__(self, statements: Statements) -> Responses:
        """One response for each statement, in order. Raises ClientError and BotoCoreError, as boto3's client does."""
        future: asyncio.Future[Responses] = asyncio.get_running_loop().create_future()
        self.send(statements, partial(settle, future))
        return await future

    async def close(self) -> None:
        """Closes the connections. Calls that have no response yet fail."""
        if self._connections is not None:
            await self._connections.close()

    def _send(self, exchange: Exchange, body: bytes, credentials: ReadOnlyCredentials | CallError) -> None:
        connections = self._connections
        assert connections is not None
        if not isinstance(credentials, ReadOnlyCredentials):
            connections.end(exchange, credentials)
            return
        try:
            exchange.request = self._signer.request(body, credentials, time.time())
        except ValueError as error:
            self._loop.call_soon(connections.end, exchange, HTTPClientError(error=error))
            return
        connections.send(exchange)


def _deliver(done: Done, count: int, result: Result) -> None:
    done(decoded(result, count) if isinstance(result, Response) else result)


def _tls(session: Session) -> ssl.SSLContext:
    """A TLS context with the certificate authorities that boto3's client trusts."""
    return ssl.create_default_context(cafile=get_cert_path(session.get_config_variable("ca_bundle") or True))
