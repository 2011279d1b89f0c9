"""Receives events without any logic: the floor of the benchmark, the least that Python needs for the same bytes.

For each event it reads the request with uvloop and httptools, computes an HMAC over the body, sends one HTTP call with
a write of the usual size to the stand-in for DynamoDB, and answers when that does, all in callbacks of the protocols.
It verifies, decides and measures nothing.
"""

import asyncio
import hmac
import os
from collections import deque
from typing import cast
from urllib.parse import urlsplit

import httptools
import uvloop

ID = b'"client_reference_id": "'
ANSWER = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 21\r\n\r\n{"outcome":"applied"}'
HEAD = (
    b"POST / HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/x-amz-json-1.0\r\nx-amz-target: "
    b"DynamoDB_20120810.BatchExecuteStatement\r\nauthorization: " + b"0" * 220 + b"\r\ncontent-length: %d\r\n\r\n"
)
WRITE = b'{"Statements":[{"Statement":"UPDATE t SET a=\'' + b"0" * 1200 + b"' WHERE payment_intent_id=?\","
CALL = WRITE + b'"Parameters":[{"S":"%s"}]}]}'


class Receiver(asyncio.Protocol):
    """A connection of the sender."""

    def __init__(self, calls: "Calls", secret: bytes) -> None:
        self._calls = calls
        self._secret = secret
        self._body = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's class is not a subclass of it
        self._parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        body, self._body = self._body, b""
        if not body:  # the readiness probe
            self._transport.write(ANSWER)
            return
        hmac.digest(self._secret, body, "sha256")
        start = body.find(ID) + len(ID)
        self._calls.send(CALL % body[start : body.find(b'"', start)], self._transport)


class Calls:
    """The connections to DynamoDB. Each carries one call at a time."""

    def __init__(self) -> None:
        self._idle: deque[Connection] = deque()

    def send(self, call: bytes, sender: asyncio.Transport) -> None:
        """Sends a call; its response answers the sender."""
        if self._idle:
            self._idle.pop().send(call, sender)
        else:
            asyncio.get_running_loop().create_task(self._connect(call, sender))

    async def _connect(self, call: bytes, sender: asyncio.Transport) -> None:
        url = urlsplit(os.environ["DDB_ENDPOINT"])
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(
            lambda: Connection(self._idle), str(url.hostname), int(url.port or 80)
        )
        connection.send(call, sender)


class Connection(asyncio.Protocol):
    """A connection to DynamoDB."""

    def __init__(self, idle: "deque[Connection]") -> None:
        self._idle = idle

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._parser = httptools.HttpResponseParser(self)

    def send(self, call: bytes, sender: asyncio.Transport) -> None:
        """Sends a call."""
        self._sender = sender
        self._transport.write(HEAD % len(call) + call)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        self._idle.append(self)
        self._sender.write(ANSWER)


async def serve() -> None:
    """Serves until the process ends."""
    calls, secret, port = Calls(), os.environ["STRIPE_WEBHOOK_SECRET"].encode(), int(os.environ["PORT"])
    await asyncio.get_running_loop().create_server(lambda: Receiver(calls, secret), "127.0.0.1", port)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve())
