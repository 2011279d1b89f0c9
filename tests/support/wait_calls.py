"""Makes calls of the checkout API that wait, and records the calls to DynamoDB that they cause."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from tests.support.checkout_api import TOKEN
from tests.support.dynamodb_faults import Call, CallResponse, Fault, Forward, healthy

TARGET = "BatchGetItem"


class WaitAnswer(NamedTuple):
    """The answer to a call that waited. `at` is when it came, in the seconds of time.monotonic()."""

    status: int
    headers: Mapping[str, str]
    body: Any
    at: float


class WaitCall:
    """One call that waits, on a connection of its own."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def start(cls, url: str, payment_id: str, query: str) -> "WaitCall":
        """Sends the request."""
        address = urlsplit(url)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        head = f"GET /payments/{payment_id}?{query} HTTP/1.1\r\nHost: checkout\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
        writer.write(head.encode())
        await writer.drain()
        return cls(reader, writer)

    async def answer(self) -> WaitAnswer:
        """The answer."""
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        at = time.monotonic()
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        body = await self._reader.readexactly(int(headers.get("content-length", "0")))
        self._writer.close()
        return WaitAnswer(int(head[0].split()[1]), headers, json.loads(body) if body else None, at)

    def leave(self) -> None:
        """Closes the connection before the answer."""
        self._writer.transport.abort()


class Read(NamedTuple):
    """One BatchGetItem call: when it arrived, in the seconds of time.monotonic(), and its keys."""

    at: float
    payment_ids: frozenset[str]
    only_state: bool


class RecordedReads:
    """A fault of the DynamoDB proxy that records the calls, and then does what `fault` does with those that watch."""

    def __init__(self) -> None:
        self.fault: Fault = healthy
        self.reads: list[Read] = []
        self.times: list[float] = []

    def __call__(self, call: Call, forward: Forward) -> CallResponse:
        at = time.monotonic()
        self.times.append(at)
        if call.operation != TARGET:
            return forward(call)
        ((table, request),) = json.loads(call.body)["RequestItems"].items()
        assert table
        ids = frozenset(key["payment_intent_id"]["S"] for key in request["Keys"])
        self.reads.append(Read(at, ids, "ProjectionExpression" in request))
        return self.fault(call, forward)

    def looks_at(self, payment_id: str, after: float, before: float) -> int:
        """How many calls looked at the state of a payment in this time."""
        return sum(
            read.only_state and payment_id in read.payment_ids and after < read.at < before for read in self.reads
        )

    def most_in_a_second(self, since: float) -> int:
        """The greatest number of calls in any second."""
        times = [at for at in self.times if at >= since]
        return max((sum(start <= at < start + 1 for at in times) for start in times), default=0)


def unprocessed_keys(call: Call, _: Forward) -> CallResponse:
    """Responds as DynamoDB does when it is too busy for all keys of the call."""
    body = {"Responses": {}, "UnprocessedKeys": json.loads(call.body)["RequestItems"]}
    return CallResponse(200, json.dumps(body).encode())


def distribution(numbers: Sequence[int]) -> str:
    """How often each number occurs."""
    return ", ".join(f"{number}: {count}" for number, count in sorted(Counter(numbers).items()))
