"""Sends signed events over keep-alive connections, as a separate process, and times each answer.

`python -m tests.bench.load PORT CONNECTIONS EVENTS PREFIX` signs EVENTS events with STRIPE_WEBHOOK_SECRET, prints
"ready", waits for a line, sends all events and prints a LoadResult as JSON. The payments are PREFIX0, PREFIX1 …
"""

import asyncio
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import msgspec
import stripe
import uvloop

TEMPLATE = (Path(__file__).parent / "event.json").read_text()


class LoadResult(msgspec.Struct):
    """The number of answers by HTTP status, the duration of each answer, and the duration of the whole run."""

    statuses: dict[int, int]
    milliseconds: list[float]
    seconds: float


def payment_ids(prefix: str, count: int) -> list[str]:
    """The ids of the payments of a run; each gets one event."""
    return [f"{prefix}{number}" for number in range(count)]


def requests(secret: str, ids: Sequence[str], now: int) -> list[bytes]:
    """Complete HTTP requests in the form in which Stripe sends them."""
    return [_request(secret, payment_id, number, now) for number, payment_id in enumerate(ids)]


def _request(secret: str, payment_id: str, number: int, now: int) -> bytes:
    values = {"{payment_id}": payment_id, "{number}": f"{now % 100:02}{number:06}", "{now}": str(now)}
    body = TEMPLATE
    for name, value in values.items():
        body = body.replace(name, value)
    signature = stripe.WebhookSignature.generate_signature_header(body, secret, now)
    head = (
        "POST /webhook/stripe HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*; q=0.5, application/xml\r\n"
        "Cache-Control: no-cache\r\nContent-Type: application/json; charset=utf-8\r\n"
        f"User-Agent: Stripe/1.0 (+https://stripe.com/docs/webhooks)\r\nContent-Length: {len(body.encode())}\r\n"
        f"Stripe-Signature: {signature},v0={'0' * 64}\r\n\r\n"
    )
    return (head + body).encode()


class _ClientConnection(asyncio.Protocol):
    """Sends the next request when the previous one is answered, until none is left."""

    def __init__(self, remaining: Iterator[bytes], result: LoadResult, done: asyncio.Future[None]) -> None:
        self._remaining = remaining
        self._result = result
        self._done = done
        self._unread = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's class is not a subclass of it

    def start(self) -> None:
        request = next(self._remaining, None)
        if request is None:
            self._done.set_result(None)
            return
        self._started = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._unread += data
        head, found, body = self._unread.partition(b"\r\n\r\n")
        if not found or len(body) < int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]):
            return
        self._result.milliseconds.append((time.perf_counter() - self._started) * 1000)
        status = int(head[9:12])
        self._result.statuses[status] = self._result.statuses.get(status, 0) + 1
        self._unread = b""
        self.start()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(exc or ConnectionError("the server closed the connection"))


async def send(port: int, connections: int, prepared: Sequence[bytes]) -> LoadResult:
    """Sends all requests as fast as they are answered, one at a time on each connection."""
    loop = asyncio.get_running_loop()
    result, remaining, done = LoadResult(Counter(), [], 0), iter(prepared), []
    opened = []
    for _ in range(connections):
        done.append(loop.create_future())
        _, connection = await loop.create_connection(
            lambda: _ClientConnection(remaining, result, done[-1]), "127.0.0.1", port
        )
        opened.append(connection)
    started = time.perf_counter()
    for connection in opened:
        connection.start()
    await asyncio.gather(*done)
    result.seconds = time.perf_counter() - started
    return result


def main(port: int, connections: int, events: int, prefix: str) -> None:
    """Prepares the requests, waits for a line on standard input, sends them and prints the result."""
    ids = payment_ids(prefix, events)
    prepared = requests(os.environ["STRIPE_WEBHOOK_SECRET"], ids, int(time.time()))
    _print("ready")
    sys.stdin.readline()
    result = uvloop.run(send(port, connections, prepared))
    _print(msgspec.json.encode(result).decode())


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
