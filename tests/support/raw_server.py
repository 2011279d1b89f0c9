"""Runs an HTTP server in the loop of the test, which answers with bytes that the test chooses."""

import asyncio
import re
import ssl
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import NamedTuple, Self

KEEP, CLOSE, RESET, HANG, START_TLS = "keep", "close", "reset", "hang", "start TLS"
"""What the server does with a connection after an answer. As a proxy, it plays the server behind it, too."""


class Answer(NamedTuple):
    """An answer in pieces, sent one after the other. If it is early, the request's body is not read."""

    pieces: Sequence[bytes]
    then: str = KEEP
    is_early: bool = False


def http(body: bytes, *headers: str, status: str = "200 OK", version: str = "1.1", length: bool = True) -> bytes:
    """A response with these headers."""
    lines = [f"HTTP/{version} {status}", *headers, *([f"Content-Length: {len(body)}"] if length else [])]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Request(NamedTuple):
    """A request and the number of its connection; the first one has number 1."""

    connection: int
    head: str
    body: bytes


class RawServer:
    """Gives the answers in turn, the last one again and again. `most_open` is the number of connections at a time.

    While `gate` is not set, requests are read but not answered.
    """

    def __init__(
        self,
        *answers: Answer | bytes,
        tls: ssl.SSLContext | None = None,
        inner_tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        self.answers = [each if isinstance(each, Answer) else Answer([each]) for each in answers]
        self.requests: list[Request] = []
        self.opened = self.open = self.most_open = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self._has_changed = asyncio.Event()
        self.port = 0
        self._host, self._tls, self._inner_tls = host, tls, inner_tls
        self._writers: dict[int, asyncio.StreamWriter] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """The server's URL."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, self._host, self.port, ssl=self._tls, backlog=128)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def end(self, connection: int, then: str = CLOSE) -> None:
        """Ends a connection, and waits until it is closed."""
        writer = self._writers[connection]
        if then == RESET:
            writer.transport.abort()
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Waits for something that a request or the end of a connection makes true."""
        while not condition():
            self._has_changed.clear()
            await self._has_changed.wait()

    def write(self, connection: int, data: bytes) -> None:
        """Sends bytes for which nobody has asked."""
        self._writers[connection].write(data)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.opened, self.open = self.opened + 1, self.open + 1
        self.most_open = max(self.most_open, self.open)
        number = self.opened
        self._writers[number] = writer
        try:
            while await self._answer_next(number, reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self.open -= 1
            self._has_changed.set()
            self._tasks.discard(task)
            writer.transport.abort()

    async def _answer_next(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        length = re.search(r"content-length: (\d+)", head)
        body = b"" if answer.is_early or length is None else await reader.readexactly(int(length[1]))
        self.requests.append(Request(number, head, body))
        self._has_changed.set()
        await self.gate.wait()
        for piece in answer.pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        if answer.then == HANG:
            await asyncio.Event().wait()
        if answer.then == CLOSE:
            writer.close()
            await writer.wait_closed()
        if answer.then == START_TLS:
            assert self._inner_tls is not None
            await writer.start_tls(self._inner_tls)
        return answer.then in (KEEP, START_TLS)
