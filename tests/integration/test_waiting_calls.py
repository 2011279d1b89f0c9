"""Lets many callers wait for changes of payments at one checkout service, through a proxy that records its reads."""

import asyncio
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lea_payments.settings import TableSettings
from lea_payments.store.payments import PaymentStore
from lea_payments.store.reading.batch import LIMIT
from tests.support import dynamodb_faults as faults
from tests.support.checkout_api import SECRETS
from tests.support.examples import examples
from tests.support.faulty_dynamodb import FaultyDynamoDB
from tests.support.processes import Process
from tests.support.records import Records
from tests.support.scrape import Scrape
from tests.support.wait_calls import RecordedReads, WaitAnswer, WaitCall, distribution
from tests.support.waiting import until

WAIT = "wait=25"
CALLERS = examples(150, 1000, "TEST_WAITING_CALLERS")
MEGABYTE = 1024


class WaitingService:
    """A checkout service, its metrics, and the calls that it makes to DynamoDB."""

    def __init__(self, process: Process, metrics: str, reads: RecordedReads) -> None:
        self.process = process
        self.metrics = metrics
        self.reads = reads

    def waiting(self) -> float | None:
        """How many calls wait."""
        return Scrape.of(self.metrics).value("payments_checkout_waiting_calls")

    def memory(self) -> int:
        """The memory of the process, in kilobytes."""
        status = Path(f"/proc/{self.process.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1])  # type: ignore[index]  # it is always there

    async def all_wait(self, count: int) -> None:
        """Waits until this many calls wait, and their payments have been read."""
        await asyncio.to_thread(until, lambda: self.waiting() == count, f"{count} waiting calls")


@pytest.fixture
def service(start: Callable[..., Process], dynamodb: FaultyDynamoDB, free_port: Callable[[], int]) -> WaitingService:
    reads = RecordedReads()
    dynamodb.fault = reads
    port = free_port()
    settings = {"STRIPE_API_BASE": "http://127.0.0.1:9", "METRICS_PORT": str(port)}
    process = start("checkout", DDB_ENDPOINT=dynamodb.endpoint, **settings, **SECRETS)
    return WaitingService(process, f"http://127.0.0.1:{port}", reads)


async def _change(store: PaymentStore, payment_id: str) -> float:
    """Changes a payment, and returns when that was done."""
    record = await store.get(payment_id)
    assert record is not None
    await store.change_checkout(record, checkout_locale="en")
    return time.monotonic()


async def test_each_caller_is_answered_after_the_first_look(
    service: WaitingService, records: Records, store: PaymentStore
) -> None:
    """Prints the time from each write to its answer, the calls to DynamoDB and the memory that waiting calls need."""
    payment_ids = [records.put(version=2) for _ in range(CALLERS)]
    warm = [await WaitCall.start(service.process.url, payment_ids[0], "wait=1") for _ in range(20)]
    await asyncio.gather(*(call.answer() for call in warm))
    memory, started = service.memory(), time.monotonic()
    calls = [await WaitCall.start(service.process.url, one, f"{WAIT}&after=2") for one in payment_ids]
    await service.all_wait(CALLERS)
    until(
        lambda: {one for read in service.reads.reads if read.only_state for one in read.payment_ids} >= {*payment_ids}
    )
    grown = service.memory() - memory
    answers: list[asyncio.Task[WaitAnswer]] = [asyncio.create_task(call.answer()) for call in calls]
    written = [await _change(store, one) for one in payment_ids]
    finished = await asyncio.gather(*answers)

    assert [(answer.status, answer.body["version"]) for answer in finished] == [(200, 3)] * CALLERS
    looks = [
        service.reads.looks_at(one, at, answer.at)
        for one, at, answer in zip(payment_ids, written, finished, strict=True)
    ]
    seconds = sorted(answer.at - at for at, answer in zip(written, finished, strict=True))
    print(
        f"{CALLERS} callers: looks after the write {{{distribution(looks)}}}; seconds from the write to the answer: "
        f"median {seconds[len(seconds) // 2]:.2f}, longest {seconds[-1]:.2f}; at most "
        f"{service.reads.most_in_a_second(started)} calls to DynamoDB in a second; {grown / MEGABYTE:.1f} MB more memory"
    )
    assert max(looks) <= 2
    assert max(len(read.payment_ids) for read in service.reads.reads) <= LIMIT
    assert service.reads.most_in_a_second(started) <= 25
    assert grown < 60 * MEGABYTE
