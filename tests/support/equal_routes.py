"""Answers the same requests in the same way, as a direct route and as an ASGI app."""

import zlib
from typing import NamedTuple

from starlette.types import Receive, Scope, Send

from lea_payments.serving.body import BodyIncompleteError, BodyTooLargeError, header, read_body
from lea_payments.serving.http.direct import Exchange
from tests.support.http_peer import echo

PATHS = frozenset({"/a", "/a/"})
LIMIT = 1000
"""In bytes: small, so that many bodies are near it."""

TOO_LARGE = 413, b'{"outcome":"too_large"}', b""
INCOMPLETE = 400, b'{"outcome":"incomplete"}', b""

Answer = tuple[int, bytes, bytes]


class Request(NamedTuple):
    """What a route has learned about one request."""

    signature: str | None
    content: bytes | str
    """The body, or the name of the error that it has instead."""


def answer_to(request: Request) -> Answer:
    """The answer to a complete request: every second one has a header of its own."""
    body = repr((request.signature, len(request.content), zlib.crc32(bytes(request.content)))).encode()  # type: ignore[arg-type]  # a complete request has a body
    return 200, body, b"retry-after: 10\r\n" if len(request.content) % 2 else b""


class AsRoute:
    """The direct route."""

    paths = PATHS
    body_limit = LIMIT

    def __init__(self) -> None:
        self.requests: list[Request] = []

    def receive(self, exchange: Exchange, body: bytes) -> None:
        """Records and answers a complete request."""
        self.requests.append(Request(exchange.header(b"signature"), body))
        exchange.answer(*answer_to(self.requests[-1]))

    def refuse(self, exchange: Exchange, error: BodyTooLargeError | BodyIncompleteError) -> None:
        """Records and answers another one."""
        self.requests.append(Request(exchange.header(b"signature"), type(error).__name__))
        exchange.answer(*(TOO_LARGE if isinstance(error, BodyTooLargeError) else INCOMPLETE))


class AsApp:
    """The app; requests of other paths and methods are echoed."""

    def __init__(self) -> None:
        self.requests: list[Request] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Records and answers one request."""
        if scope["method"] != "POST" or scope["path"] not in PATHS:
            await echo(scope, receive, send)
            return
        signature = None
        try:
            body = await read_body(scope, receive, LIMIT)
            signature = header(scope, b"signature")
            request = Request(signature, body)
            status, content, lines = answer_to(request)
        except (BodyTooLargeError, BodyIncompleteError) as error:
            request = Request(header(scope, b"signature"), type(error).__name__)
            status, content, lines = TOO_LARGE if isinstance(error, BodyTooLargeError) else INCOMPLETE
        self.requests.append(request)
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
        headers += [(name, value) for name, _, value in (line.partition(b": ") for line in lines.splitlines())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})
