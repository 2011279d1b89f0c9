"""Sends generated streams to a direct route and to an equal app: both answer the same bytes in the same order."""

import asyncio
import re
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from lea_payments.serving.http.closing import BODY_SECONDS
from tests.support.equal_routes import AsApp, AsRoute, Request
from tests.support.examples import examples
from tests.support.http_peer import DATE, Peer, Transport
from tests.support.http_streams import Pieces, plain_streams, streams

many = settings(max_examples=examples(200, 3000), deadline=None)


class Seen(NamedTuple):
    """Everything that a client and the route have seen of one stream."""

    written: list[bytes]
    ends: list[str]
    """Each once: without a network, a closed connection is aborted at each check of its deadline."""

    requests: list[Request]
    total_requests: int


async def _settle(transport: Transport) -> None:
    """Lets the event loop run until nothing more is written."""
    size = -1
    while size != len(transport.written):
        size = len(transport.written)
        for _ in range(8):
            await asyncio.sleep(0)


async def _seen(peer: Peer, log: list[Request], pieces: Pieces, *, leaves: bool) -> Seen:
    """Sends the pieces, waits for the answers to each, and then leaves or stays until all deadlines have passed."""
    written = []
    for piece in pieces:
        if not peer.transport.is_closing():
            peer.protocol.data_received(piece)
        await _settle(peer.transport)
        written.append(bytes(peer.transport.written))
    if leaves:
        peer.protocol.connection_lost(None)
    for _ in range(2):
        await peer.wait(BODY_SECONDS + 1)
    peer.end()
    written.append(bytes(peer.transport.written))
    return Seen(written, list(dict.fromkeys(peer.transport.ends)), log, peer.state.total_requests)


async def _direct(pieces: Pieces, *, leaves: bool = False) -> Seen:
    route = AsRoute()
    return await _seen(Peer(app=AsApp(), direct=route), route.requests, pieces, leaves=leaves)


async def _as_app(pieces: Pieces, *, leaves: bool = False) -> Seen:
    app = AsApp()
    return await _seen(Peer(app=app), app.requests, pieces, leaves=leaves)


@many
@given(streams, st.booleans())
async def test_a_route_answers_like_an_app(pieces: Pieces, leaves: bool) -> None:
    assert await _direct(pieces, leaves=leaves) == await _as_app(pieces, leaves=leaves)


async def _of_uvicorn(pieces: Pieces) -> bytes:
    config = Config(AsApp(), log_config=None, interface="asgi3")
    config.load()
    state, transport = ServerState(), Transport()
    state.default_headers = [(b"date", DATE)]
    protocol = HttpToolsProtocol(config, state, {}, asyncio.get_running_loop())
    protocol.connection_made(transport)  # type: ignore[arg-type]  # a transport without a network
    for piece in pieces:
        if not transport.is_closing():
            protocol.data_received(piece)
        await _settle(transport)
    protocol.connection_lost(None)
    return bytes(transport.written)


def _answers(written: bytes) -> list[bytes]:
    return re.split(rb"(?=HTTP/1\.1 )", written)[1:]


@many
@given(plain_streams)
async def test_a_route_answers_like_uvicorn(pieces: Pieces) -> None:
    """A head in several pieces, followed by another request in the last one, can end the connection instead."""
    seen = await _direct(pieces)

    answers, expected = _answers(seen.written[-2]), _answers(await _of_uvicorn(pieces))
    last = answers[-1:] == [
        answer.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n", 1) for answer in expected[len(answers) - 1 :][:1]
    ]
    assert answers == expected or (last and answers[:-1] == expected[: len(answers) - 1])
