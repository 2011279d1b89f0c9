"""Measures the cost of an event by the number of payments in the table, and a burst of events, with DynamoDB Local."""

import asyncio
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from lea_demo.dynamodb_local import DynamoDBLocal
from lea_payments.payment.event import Outcome, PaymentEvent
from lea_payments.settings import TableSettings
from lea_payments.store import table
from lea_payments.store.payments import PaymentStore
from lea_payments.stripe import events
from tests.bench.candidates import OURS, Candidate
from tests.bench.limits import Figure, figure, p50, p99
from tests.bench.measure import Bench, Server, Workload
from tests.bench.published import stored_payments
from tests.bench.published.stages import UnitMeter
from tests.bench.sending import requests
from tests.support import tables
from tests.support.faulty_dynamodb import FaultyDynamoDB
from tests.support.ports import free_port

SIZES = (1_000, 10_000, 100_000, 1_000_000)
SIZE_RATIO = 1.05
"""How much more CPU an event may cost with any number of payments than with the fewest."""

EVENTS, ROUNDS = 99, 9
"""The events of a turn, and the turns of each table: the smallest has 1,000 payments, and each gets one event."""

STEP = 7_919
"""A prime, so that multiples of it reach every payment of a table."""

BURST, BURST_TABLE, BURST_CONNECTIONS = 10_000, 100_000, 128
BURST_P99_MS = 1_000
FAST_DISK, BYTES = Path("/dev/shm"), 4 * 2**30


class SizeRow(msgspec.Struct):
    """The CPU per event in µs, its ratio to that of the smallest table, and the units of one event."""

    payments: int
    cpu_us: Figure
    ratio: Figure
    reads: float = 0
    writes: int = 0

    @property
    def met(self) -> bool:
        """Whether an event costs as much as in the smallest table."""
        return self.ratio.middle <= SIZE_RATIO


class Burst(msgspec.Struct):
    """The events of a burst, and how they were answered."""

    events: int
    connections: int
    seconds: float
    p50_ms: float
    p99_ms: float


class SizesResult(msgspec.Struct):
    """The rows by size, the burst, and how long it took to fill the tables."""

    rows: list[SizeRow]
    burst: Burst
    fill_seconds: float

    @property
    def met(self) -> bool:
        """Whether an event costs the same in every table, and the burst is drained in time."""
        return self.burst.p99_ms < BURST_P99_MS and all(row.met for row in self.rows)


def measure(sizes: Sequence[int] = SIZES, burst: int = BURST) -> SizesResult:
    """Fills the tables and measures."""
    with TemporaryDirectory(prefix="bench-", dir=_fast_disk()) as data, TemporaryDirectory(prefix="bench-") as folder:
        started = time.monotonic()
        stored_payments.fill(Path(data), sizes)
        fill_seconds = time.monotonic() - started
        with DynamoDBLocal(free_port(), Path(data), stored_payments.JARS) as dynamodb:
            bench = Bench(Path(folder), Workload(EVENTS, warm_up=0), {"DDB_ENDPOINT": dynamodb.endpoint})
            with bench.running(), ExitStack() as stack:
                pairs = [(size, stack.enter_context(bench.serving(_candidate(size)))) for size in sizes]
                unused = {size: ids_of(size) for size in sizes}
                rows = _rows(pairs, unused)
                large = min(BURST_TABLE, sizes[-1])
                ids = list(islice(unused[large], burst))
                turn = dict(pairs)[large].turn(BURST_CONNECTIONS, ids=ids, check=False)
            for row in rows:
                row.reads, row.writes = units_of_event(dynamodb.endpoint, row.payments, next(unused[row.payments]))
    seconds = len(ids) / turn.events_per_second
    drained = Burst(len(ids), BURST_CONNECTIONS, seconds, p50(turn), p99(turn))
    return SizesResult(rows, drained, fill_seconds)


def _fast_disk() -> Path | None:
    """A disk in memory with room for the tables, if there is one: DynamoDB Local waits for the disk at every write."""
    is_large = FAST_DISK.is_dir() and shutil.disk_usage(FAST_DISK).free > BYTES
    return FAST_DISK if is_large else None


def _candidate(size: int) -> Candidate:
    return OURS._replace(name=f"{size} payments", env=(("DYNAMODB_PAYMENTS_TABLE", stored_payments.table_name(size)),))


def ids_of(size: int) -> Iterator[str]:
    """Every payment of a table once, spread over the whole table."""
    return (stored_payments.payment_id(number * STEP % size) for number in range(size))


def _rows(servers: Sequence[tuple[int, Server]], unused: Mapping[int, Iterator[str]]) -> list[SizeRow]:
    """Lets the servers take turns; the metrics of each show that every event was applied."""
    costs: dict[int, list[float]] = {size: [] for size, _ in servers}
    for number in range(ROUNDS + 1):
        for size, server in servers if number % 2 else servers[::-1]:
            turn = server.turn(1, ids=list(islice(unused[size], EVENTS)), check=False)
            if number:  # the first turn warms up
                costs[size].append(turn.cpu_us)
    return rows_of(costs)


def rows_of(costs: Mapping[int, Sequence[float]]) -> list[SizeRow]:
    """The rows, from the CPU per event in each turn by the number of payments."""
    smallest = costs[min(costs)]
    ratios = {size: [one / other for one, other in zip(taken, smallest, strict=True)] for size, taken in costs.items()}
    return [SizeRow(size, figure(taken), figure(ratios[size])) for size, taken in costs.items()]


def units_of_event(endpoint: str, size: int, payment_id: str) -> tuple[float, int]:
    """The read and write units of the first event of a payment, see `stages`."""
    settings = stored_payments.settings_of(endpoint, size)
    client, key = tables.client(settings), {table.KEY: {"S": payment_id}}
    with FaultyDynamoDB(endpoint, free_port()) as proxy:
        proxy.fault = meter = UnitMeter()
        before = client.get_item(TableName=settings.table, Key=key, ConsistentRead=True)["Item"]
        asyncio.run(_apply(stored_payments.settings_of(proxy.endpoint, size), payment_id))
        after = client.get_item(TableName=settings.table, Key=key, ConsistentRead=True)["Item"]
    client.close()
    return meter.units, meter.write_units(before, after)


async def _apply(settings: TableSettings, payment_id: str) -> None:
    event = events.translate(requests.body_of("session", payment_id, 0).encode(), livemode=False)
    assert isinstance(event, PaymentEvent)
    async with PaymentStore(settings) as store:
        applied = await store.apply(event)
    assert applied.outcome is Outcome.APPLIED, applied
