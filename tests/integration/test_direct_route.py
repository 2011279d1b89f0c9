"""Sends requests to a direct route over real connections: it answers as an app does, and a shutdown waits for it."""

import asyncio
import socket
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import pytest
import uvicorn
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from lea_payments.serving.body import BodyIncompleteError, BodyTooLargeError
from lea_payments.serving.http.connections import Connections
from lea_payments.serving.http.direct import Exchange
from lea_payments.serving.http.protocol import LimitedProtocol
from tests.support.equal_routes import AsApp, AsRoute
from tests.support.examples import examples
from tests.support.http_listeners import Factory, Listeners
from tests.support.http_peer import DATE
from tests.support.http_streams import Pieces, plain_requests_in_pieces

POST = b"POST /a HTTP/1.1\r\nHost: b\r\nContent-Length: 2\r\n\r\n{}"
LIMITED = partial(LimitedProtocol, limits=Connections(100))


def _factory(protocol: Callable[..., asyncio.Protocol]) -> Factory:
    config = uvicorn.Config(AsApp(), log_config=None, interface="asgi3")
    config.load()
    state = ServerState()
    state.default_headers = [(b"date", DATE)]
    return lambda loop: protocol(config, state, {}, loop)


@pytest.fixture(scope="module")
def ports() -> Iterator[Sequence[int]]:
    """The ports of a direct route, of an equal app, and of that app with uvicorn's own protocol."""
    protocols: Sequence[Any] = (partial(LIMITED, direct=AsRoute()), LIMITED, HttpToolsProtocol)
    with Listeners(*map(_factory, protocols)) as listeners:
        yield listeners.ports


def _answers(port: int, requests: Sequence[Pieces]) -> list[bytes]:
    """The answers to requests that are sent one after the other, until the server closes the connection."""
    answers = []
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection, connection.makefile("rb") as received:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for pieces in requests:
            for piece in pieces:
                connection.sendall(piece)
            head = b"".join(iter(received.readline, b"\r\n"))
            if head.startswith(b"HTTP/1.1 100"):
                head += b"".join(iter(received.readline, b"\r\n"))
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
            answers.append(head + received.read(length))
            if b"connection: close" in head:
                assert received.read() == b""
                break
    return answers


@settings(max_examples=examples(40, 1000), deadline=None)
@given(st.lists(plain_requests_in_pieces, min_size=1, max_size=4))
def test_all_answer_alike_over_real_connections(ports: Sequence[int], requests: list[Pieces]) -> None:
    of_route, of_app, of_uvicorn = (_answers(port, requests) for port in ports)

    assert of_route == of_app == of_uvicorn


class SlowRoute:
    """A route whose answers wait, and a record of what happened in which order."""

    paths = frozenset({"/a"})
    body_limit = 10

    def __init__(self) -> None:
        self.exchange: asyncio.Future[Exchange] = asyncio.get_running_loop().create_future()
        self.events: list[str] = []

    def receive(self, exchange: Exchange, body: bytes) -> None:
        """Takes the request."""
        self.events.append(f"received {body.decode()}")
        self.exchange.set_result(exchange)

    def refuse(self, _: Exchange, error: BodyTooLargeError | BodyIncompleteError) -> None:
        """Records the error."""
        self.events.append(type(error).__name__)

    def answer(self) -> None:
        """Answers the request."""
        self.events.append("answered")
        self.exchange.result().answer(200, b"true")

    async def app(self, _: Scope, receive: Receive, send: Send) -> None:
        """Records when the service closes what its requests use."""
        for kind in ("startup", "shutdown"):
            await receive()
            self.events.append(kind)
            await send({"type": f"lifespan.{kind}.complete"})


async def _stop_during_request(*, client_leaves: bool) -> tuple[list[str], bytes]:
    """Stops a service while its route has not answered a request; returns the events and the answer."""
    route = SlowRoute()
    listener = socket.create_server(("127.0.0.1", 0))
    protocol: Any = partial(LIMITED, direct=route)
    config = uvicorn.Config(route.app, http=protocol, interface="asgi3", log_config=None, timeout_graceful_shutdown=60)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve([listener]))
    reader, writer = await asyncio.open_connection(*listener.getsockname())
    writer.write(POST)
    await route.exchange
    if client_leaves:
        writer.transport.abort()
        while server.server_state.connections:  # noqa: ASYNC110 - the server offers no event
            await asyncio.sleep(0.01)
    server.should_exit = True
    while any(each.is_serving() for each in server.servers):  # noqa: ASYNC110 - the same
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.3)  # long enough for a shutdown that does not wait
    route.answer()
    answer = b"" if client_leaves else await reader.read()
    writer.close()
    await serving
    return route.events, answer


@pytest.mark.parametrize("client_leaves", [False, True], ids=["the client waits", "the client has left"])
def test_shutdown_waits_for_the_answer(*, client_leaves: bool) -> None:
    events, answer = uvloop.run(_stop_during_request(client_leaves=client_leaves))

    assert events == ["startup", "received {}", "answered", "shutdown"]
    assert (b"\r\nconnection: close\r\n" in answer) is not client_leaves
