"""Measures what cannot be saved alone: an HMAC, the decoding of an event, and one conditional write.

`python -m tests.bench.published.pieces` prints the CPU of each in µs, as JSON. It needs the stand-in for DynamoDB.
"""

import asyncio
import hashlib
import hmac
import os
import sys
import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import cast

import msgspec
import uvloop

from lea_payments.stripe import events
from tests.bench.sending import requests
from tests.bench.servers.floor import CALL, Calls

REPEATS, WRITES, ROUNDS = 2_000, 1_000, 5
HMAC, DECODE, WRITE = "HMAC over the body", "decode the event into the fields that are used", "one conditional write"
PIECES: Mapping[str, str] = {
    HMAC: "SHA-256 in OpenSSL, over the body of one event",
    DECODE: "msgspec, straight into typed objects, and the fact that the event reports",
    WRITE: "one HTTP call with uvloop and httptools, without a signature, at one call at a time",
}
"""The pieces, and how each is measured."""


class _Answered:
    """Sends the next write when the last one is answered; it stands in for the transport of a sender."""

    def __init__(self, calls: Calls, count: int, done: asyncio.Future[None]) -> None:
        self._calls = calls
        self._remaining = count + 1  # the first call of `write` only starts
        self._done = done

    def write(self, _: bytes) -> None:
        self._remaining -= 1
        if self._remaining:
            self._calls.send(CALL % b"payment_%08d" % self._remaining, cast("asyncio.Transport", self))
        else:
            self._done.set_result(None)


async def _write_us(calls: Calls) -> float:
    done = asyncio.get_running_loop().create_future()
    started = time.process_time()
    _Answered(calls, WRITES, done).write(b"")
    await done
    return (time.process_time() - started) / WRITES * 1e6


async def _writes() -> float:
    calls = Calls()
    return median([await _write_us(calls) for _ in range(ROUNDS)])


def _cpu_us(call: Callable[[], object]) -> float:
    """The median CPU of a call, in µs."""
    rounds = []
    for _ in range(ROUNDS):
        started = time.process_time()
        for _ in range(REPEATS):
            call()
        rounds.append((time.process_time() - started) / REPEATS * 1e6)
    return median(rounds)


def measure() -> Mapping[str, float]:
    """The CPU of each piece, in µs."""
    secret = os.environ["STRIPE_WEBHOOK_SECRET"].encode()
    body = requests.body_of("session", "payment_00000000", int(time.time())).encode()
    return {
        HMAC: _cpu_us(lambda: hmac.digest(secret, body, hashlib.sha256().name)),
        DECODE: _cpu_us(lambda: events.translate(body, livemode=False)),
        WRITE: uvloop.run(_writes()),
    }


if __name__ == "__main__":
    sys.stdout.write(msgspec.json.encode(measure()).decode())
