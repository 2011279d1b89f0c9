"""Computes from the measured units what payments cost, and how far one table and its webhook pods scale."""

from collections.abc import Iterator, Sequence
from math import ceil
from typing import NamedTuple

from lea_payments.store.statements.outbox import SHARDS
from tests.bench.published.capacity import CapacityRow
from tests.bench.published.stages import NOTIFIED_CHANGES, StageRow

WRITE_PRICE, READ_PRICE = 0.625, 0.125
"""US dollars for a million write and read request units of a table with on-demand capacity."""

PRICE_SOURCE = (
    "[list price](https://aws.amazon.com/dynamodb/pricing/on-demand/) of on-demand capacity in US East (N. Virginia) "
    "since 1 November 2024"
)
PARTITION_WRITES = 1_000
"""Write units per second of one partition, of a table or of an index (developer guide, "Quotas")."""

TABLE_WRITES = 40_000
"""Write request units per second of an on-demand table, and of each of its indexes (the same page)."""

NEW_TABLE_WRITES = 4_000
"""Write request units per second that a new table with on-demand capacity takes at once."""

BATCH = 25
"""Statements in one BatchExecuteStatement."""

EVENTS_PER_SECOND = 10_000
POD_LOAD = 0.5
"""The share of its core that a webhook pod should use, so that a restart or a burst finds room."""


class Price(NamedTuple):
    """The units and the price in US dollars of one million payments."""

    reads: float
    writes: int
    dollars: float


def price_of_a_million(stages: Sequence[StageRow], *, notifications: bool) -> Price:
    """The price of one million payments that pass every stage once."""
    reads = sum(row.notifying_reads if notifications else row.reads for row in stages)
    writes = sum(row.notifying_writes if notifications else row.writes for row in stages)
    return Price(reads, writes, reads * READ_PRICE + writes * WRITE_PRICE)


def partitions(events_per_second: float) -> int:
    """The partitions of the table for this rate: each event writes one unit to the partition of its payment."""
    return ceil(events_per_second / PARTITION_WRITES)


def notified_changes_per_second(units: int) -> int:
    """The published changes per second that the notifier's index takes, if each costs it this many units."""
    return len(SHARDS) * PARTITION_WRITES // units


def calls(events_per_second: float) -> int:
    """The fewest calls per second for this rate."""
    return ceil(events_per_second / BATCH)


def pods(events_per_second: float, per_core: float) -> int:
    """The webhook pods of one core each for this rate, from the events per second that a core takes."""
    return ceil(events_per_second / (per_core * POD_LOAD))


def steps(stages: Sequence[StageRow], capacity: Sequence[CapacityRow]) -> Iterator[str]:
    """What bounds the rate of events, from the table to the pods."""
    rate = EVENTS_PER_SECOND
    (completed,) = (row for row in stages if row.stage == "completed")
    cheapest = max(capacity, key=lambda row: row.per_core.middle)
    yield (
        f"**Partitions.** A partition takes {PARTITION_WRITES:,} write units per second, and an event writes one "
        f"unit of the table. Payment ids spread over all partitions, so {partitions(rate)} of them are enough. A new "
        f"table takes {NEW_TABLE_WRITES:,} units per second at once: set its warm throughput before such a load."
    )
    yield (
        f"**Quota.** AWS limits a table, and each of its indexes, to {TABLE_WRITES:,} write units per second until "
        f"you ask for more. An event costs {completed.writes} units, one for the table and for each of "
        f"{completed.writes - 1} indexes, so this rate uses {rate / TABLE_WRITES:.0%} of each quota."
    )
    units = notification_units(stages)
    yield (
        "**Hot keys of indexes.** Sessions, PaymentIntents and quotes are new keys for each payment, and one user "
        "has few payments. `awaiting_funds_on` has one key for each day, but only delayed payments have it: "
        f"{PARTITION_WRITES:,} of them per second. The notifier's index has {len(SHARDS)} keys, and one notification "
        f"costs it {units} units: {notified_changes_per_second(units):,} notifications per second. Above that, "
        "DynamoDB refuses writes for a while; the webhook tries again, then answers 503, and Stripe sends the event "
        "again."
    )
    yield (
        f"**Batches.** A call contains at most {BATCH} writes, so {rate:,} events need at least {calls(rate):,} "
        "calls per second."
    )
    yield (
        f"**Pods.** A core takes {cheapest.per_core.middle:,.0f} events per second at {cheapest.connections} "
        f"connections. At {POD_LOAD:.0%} of that, {rate:,} events per second need "
        f"{pods(rate, cheapest.per_core.middle)} pods of one core each. They share nothing but the table, so the CPU "
        "per event does not depend on their number."
    )


def notification_units(stages: Sequence[StageRow]) -> int:
    """The units that one notification costs the notifier's index: its mark, and both writes of the notifier."""
    return ceil(sum(row.notify_index_writes for row in stages) / NOTIFIED_CHANGES)
