"""Connects to an HTTP service inside the process: no sockets, and a clock that the test moves."""

import asyncio
from typing import Any

from starlette.types import Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.server import ServerState

from lea_payments.serving.body import BodyIncompleteError, read_body
from lea_payments.serving.http.connections import Connections
from lea_payments.serving.http.direct import DirectRoute
from lea_payments.serving.http.protocol import LimitedProtocol

DATE = b"Fri, 27 Nov 2026 12:00:00 GMT"


class Transport:
    """A connection without a network, which records what is done to it."""

    def __init__(self) -> None:
        self.written = bytearray()
        self.ends: list[str] = []
        self.is_reading = True

    def write(self, data: bytes) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return bool({"close", "abort"} & set(self.ends))

    def close(self) -> None:
        self.ends.append("close")

    def abort(self) -> None:
        self.ends.append("abort")

    def write_eof(self) -> None:
        self.ends.append("end of stream")

    def pause_reading(self) -> None:
        self.is_reading = False

    def resume_reading(self) -> None:
        self.is_reading = True

    def get_extra_info(self, _: str, _default: object = None) -> None:
        return None


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the method, the path and the size of the body."""
    if scope["path"] == "/early":
        size = 0
    else:
        try:
            size = len(await read_body(scope, receive, 10**6))
        except BodyIncompleteError:
            return
    body = f"{scope['method']} {scope['path']} {size};".encode()
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Peer:
    """One connection to a service, and a clock that the test moves."""

    def __init__(self, limit: int = 10, *, app: Any = echo, direct: DirectRoute | None = None) -> None:
        self.clock = Clock()
        self.limits = Connections(limit, self.clock)
        self.direct = direct
        self.state = ServerState()
        self.state.default_headers = [(b"date", DATE)]
        self.config = Config(app, log_config=None, interface="asgi3")
        self.config.load()
        self.transport = Transport()
        self.protocol = self.connect(self.transport)

    def connect(self, transport: Any) -> LimitedProtocol:
        loop = asyncio.get_running_loop()
        protocol = LimitedProtocol(self.config, self.state, {}, loop, limits=self.limits, direct=self.direct)
        protocol.connection_made(transport)
        return protocol

    async def send(self, *pieces: bytes) -> bytes:
        """Sends the pieces, and returns everything that was written until now."""
        for piece in pieces:
            self.protocol.data_received(piece)
        for _ in range(60):
            await asyncio.sleep(0)
        return bytes(self.transport.written)

    async def wait(self, seconds: float) -> bytes:
        """Lets the time pass, and returns everything that was written until now."""
        self.clock.now += seconds
        self.limits._tick(asyncio.get_running_loop())
        return await self.send()

    def end(self) -> None:
        if self.limits._timer:
            self.limits._timer.cancel()
