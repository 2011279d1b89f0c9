"""Lets many callers wait for changes of payments at one checkout service, through a proxy that records its reads."""

import asyncio
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lea_payments.store.payments import PaymentStore
from lea_payments.store.reading.batch import LIMIT
from tests.support import dynamodb_faults as faults
from tests.support.checkout_api import SECRETS
from tests.support.examples import examples
from tests.support.faulty_dynamodb import FaultyDynamoDB
from tests.support.processes import Process
from tests.support.records import Records
from tests.support.scrape import Scrape
from tests.support.wait_calls import RecordedReads, WaitAnswer, WaitCall, distribution, unprocessed_keys
from tests.support.waiting import until

WAIT = "wait=25"
pytestmark = pytest.mark.timeout(1800)  # with all examples, on a busy machine
CALLERS = examples(100, 1000, "TEST_WAITING_CALLERS")
MEGABYTE = 1024
CALLS, DURATION = "payments_checkout_requests_total", "payments_checkout_request_duration_seconds_count"
STORE_CALLS = "payments_store_operations_total"


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


@pytest.fixture(scope="module")
def checkout(start: Callable[..., Process], proxy: FaultyDynamoDB, free_port: Callable[[], int]) -> WaitingService:
    port = free_port()
    settings = {"STRIPE_API_BASE": "http://127.0.0.1:9", "METRICS_PORT": str(port)}
    process = start("checkout", DDB_ENDPOINT=proxy.endpoint, **settings, **SECRETS)
    return WaitingService(process, f"http://127.0.0.1:{port}", RecordedReads())


@pytest.fixture
def service(checkout: WaitingService, dynamodb: FaultyDynamoDB) -> WaitingService:
    dynamodb.fault = reads = RecordedReads()
    return WaitingService(checkout.process, checkout.metrics, reads)


async def _change(store: PaymentStore, payment_id: str) -> float:
    """Changes a payment, and returns when that was done."""
    record = await store.get(payment_id)
    assert record is not None
    await store.change_checkout(record, checkout_locale="en")
    return time.monotonic()


async def _until_changed(service: WaitingService, call: WaitCall, payment_id: str) -> WaitAnswer:
    """The answer with a newer version. On a busy machine, a wait can be over before the payment is changed."""
    answer = await call.answer()
    while answer.status == 200 and answer.body["version"] == 2:
        answer = await (await WaitCall.start(service.process.url, payment_id, f"{WAIT}&after=2")).answer()
    return answer


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
    answers: list[asyncio.Task[WaitAnswer]] = [
        asyncio.create_task(_until_changed(service, call, one)) for call, one in zip(calls, payment_ids, strict=True)
    ]
    written = [await _change(store, one) for one in payment_ids]
    finished = await asyncio.gather(*answers)

    assert {(answer.status, answer.body["version"]) for answer in finished} == {(200, 3)}
    looks = [
        service.reads.looks_at(one, at, answer.at)
        for one, at, answer in zip(payment_ids, written, finished, strict=True)
    ]
    seconds = sorted(answer.at - at for at, answer in zip(written, finished, strict=True))
    reads, elapsed = len(service.reads.times), time.monotonic() - started
    most = service.reads.most_in_a_second(started)
    print(
        f"{CALLERS} callers: looks after the write {{{distribution(looks)}}}; seconds from the write to the answer: "
        f"median {seconds[len(seconds) // 2]:.2f}, longest {seconds[-1]:.2f}; at most "
        f"{most} calls to DynamoDB in a second; {grown / MEGABYTE:.1f} MB more memory"
    )
    assert max(looks) <= 2
    assert max(len(read.payment_ids) for read in service.reads.reads) <= LIMIT
    assert reads <= 25 * (elapsed + 1)
    assert grown < 60 * MEGABYTE


@pytest.mark.parametrize(
    ("fields", "query"),
    [({"version": 2}, "after=1"), ({"version": 2}, "after=3"), ({"version": None}, "after=1")],
    ids=["newer", "older", "written by hand"],
)
async def test_another_version_is_answered_at_once(
    service: WaitingService, records: Records, fields: dict[str, object], query: str
) -> None:
    call = await WaitCall.start(service.process.url, records.put(**fields), f"{WAIT}&{query}")

    answer = await call.answer()

    assert (answer.status, answer.body["version"]) == (200, fields["version"] or 0)
    assert not [read for read in service.reads.reads if read.only_state]


async def test_an_unknown_payment_is_a_404_at_once(service: WaitingService) -> None:
    answer = await (await WaitCall.start(service.process.url, "payment_nobody_has", WAIT)).answer()

    assert (answer.status, answer.body["error"]["code"]) == (404, "payment_not_found")
    assert [read.only_state for read in service.reads.reads] == [False]


async def test_without_a_change_the_version_stays(service: WaitingService, records: Records) -> None:
    payment_id = records.put(version=2)
    answer = await (await WaitCall.start(service.process.url, payment_id, "wait=1&after=2")).answer()

    assert (answer.status, answer.body["version"]) == (200, 2)
    assert service.reads.reads[-1].only_state


async def test_a_status_that_a_person_changes_is_answered(service: WaitingService, records: Records) -> None:
    """The version of a record that no service has written stays 0."""
    item = {"payment_intent_id": {"S": "payment_by_hand"}, "payment_status": {"S": "pending"}}
    records.put_item(item)
    call = await WaitCall.start(service.process.url, "payment_by_hand", f"{WAIT}&after=0")
    until(lambda: service.reads.reads)
    records.put_item({**item, "payment_status": {"S": "completed"}})

    answer = await call.answer()

    assert (answer.body["payment_status"], answer.body["version"]) == ("completed", 0)


async def test_a_caller_that_goes_away_costs_nothing(service: WaitingService, records: Records) -> None:
    gone = [await WaitCall.start(service.process.url, records.put(version=2), WAIT) for _ in range(30)]
    await service.all_wait(30)
    for call in gone:
        call.leave()
    await service.all_wait(0)
    other = records.put(version=2)
    reads_before = len(service.reads.reads)
    await (await WaitCall.start(service.process.url, other, "wait=1")).answer()

    assert {one for read in service.reads.reads[reads_before:] for one in read.payment_ids} == {other}


async def test_all_calls_of_one_payment_share_its_reads(
    service: WaitingService, records: Records, store: PaymentStore
) -> None:
    payment_id = records.put(version=2)
    calls = [await WaitCall.start(service.process.url, payment_id, f"{WAIT}&after=2") for _ in range(30)]
    await service.all_wait(30)
    await _change(store, payment_id)

    answers = await asyncio.gather(*(call.answer() for call in calls))

    assert {answer.body["version"] for answer in answers} == {3}
    assert {read.payment_ids for read in service.reads.reads} == {frozenset({payment_id})}


async def test_a_call_waits_on_while_dynamodb_fails(
    service: WaitingService, records: Records, store: PaymentStore
) -> None:
    payment_id = records.put(version=2)
    call = await WaitCall.start(service.process.url, payment_id, f"{WAIT}&after=2")
    until(lambda: service.reads.reads)
    service.reads.fault = faults.error_response(500, "InternalServerError")
    reads_before = len(service.reads.reads)
    until(lambda: len(service.reads.reads) >= reads_before + 3)
    await _change(store, payment_id)
    service.reads.fault = faults.healthy

    assert (await call.answer()).body["version"] == 3


async def test_an_unknown_state_at_the_end_is_a_503(service: WaitingService, records: Records) -> None:
    service.reads.fault = faults.closed_connection
    answer = await (await WaitCall.start(service.process.url, records.put(version=2), "wait=1")).answer()

    assert (answer.status, answer.body["error"]["code"]) == (503, "table_unavailable")
    assert "retry-after" in answer.headers


async def test_keys_that_dynamodb_leaves_out_are_read_later(service: WaitingService, records: Records) -> None:
    payment_id = records.put(version=2)
    service.reads.fault = faults.first_calls(*[unprocessed_keys] * 2)

    answer = await (await WaitCall.start(service.process.url, payment_id, f"{WAIT}&after=1")).answer()

    assert answer.body["version"] == 2
    assert [read.only_state for read in service.reads.reads] == [False] * 3


async def test_shutdown_answers_all_waiting_calls(
    start: Callable[..., Process], records: Records, free_port: Callable[[], int]
) -> None:
    """Also those that come while the service drains. Their connections end."""
    port = free_port()
    settings = {"STRIPE_API_BASE": "http://127.0.0.1:9", "METRICS_PORT": str(port), "DRAIN_SECONDS": "600"}
    process = start("checkout", **settings, **SECRETS)
    service = WaitingService(process, f"http://127.0.0.1:{port}", RecordedReads())
    payment_ids = [records.put(version=2) for _ in range(50)]
    calls = [await WaitCall.start(process.url, one, f"{WAIT}&after=2") for one in payment_ids]
    await service.all_wait(50)
    process.process.send_signal(signal.SIGTERM)
    answers = await asyncio.gather(*(call.answer() for call in calls))
    late = await (await WaitCall.start(process.url, payment_ids[0], f"{WAIT}&after=2")).answer()
    is_alive = process.process.poll() is None
    process.process.send_signal(signal.SIGTERM)

    assert {(answer.status, answer.body["version"], answer.headers["connection"]) for answer in [*answers, late]} == {
        (200, 2, "close")
    }
    assert is_alive
    assert process.process.wait(60) == 0


async def test_a_shutdown_without_a_drain_answers_them_too(
    start: Callable[..., Process], records: Records, free_port: Callable[[], int]
) -> None:
    port = free_port()
    process = start("checkout", STRIPE_API_BASE="http://127.0.0.1:9", METRICS_PORT=str(port), **SECRETS)
    calls = [await WaitCall.start(process.url, records.put(version=2), f"{WAIT}&after=2") for _ in range(20)]
    await WaitingService(process, f"http://127.0.0.1:{port}", RecordedReads()).all_wait(20)
    process.process.send_signal(signal.SIGTERM)

    answers = await asyncio.gather(*(call.answer() for call in calls))

    assert [(answer.status, answer.body["version"]) for answer in answers] == [(200, 2)] * 20
    assert process.process.wait(60) == 0


async def test_calls_that_wait_are_counted_apart(service: WaitingService, records: Records) -> None:
    before = Scrape.of(service.metrics)
    await (await WaitCall.start(service.process.url, records.put(version=2), "wait=1")).answer()
    gone = await WaitCall.start(service.process.url, records.put(version=2), WAIT)
    await service.all_wait(1)
    gone.leave()
    gone_before = before.series(CALLS)["caller_left", "wait"]
    await asyncio.to_thread(
        until, lambda: Scrape.of(service.metrics).series(CALLS)["caller_left", "wait"] > gone_before
    )
    after = Scrape.of(service.metrics)

    for code in ("ok", "caller_left"):
        assert after.series(CALLS)[code, "wait"] == before.series(CALLS)[code, "wait"] + 1
    assert after.series(DURATION) == before.series(DURATION)
    assert after.series(STORE_CALLS)["watch", "ok"] > before.series(STORE_CALLS)["watch", "ok"]
