"""Tests the benchmark itself: what it measures, and what its database contains."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lea_demo.dynamodb_local import DynamoDBLocal
from lea_payments.payment.event import Outcome, PaymentEvent
from lea_payments.payment.record import Status
from lea_payments.store.payments import PaymentStore
from lea_payments.stripe import events
from tests.bench.candidates import FLOOR, OURS
from tests.bench.measure import Bench, Workload
from tests.bench.published import stages, stored_payments
from tests.bench.sending import requests
from tests.support.faulty_dynamodb import FaultyDynamoDB

EVENTS = 20


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    benchmark = Bench(tmp_path, Workload(EVENTS, warm_up=0, sampling=1))
    with benchmark.running():
        yield benchmark


def test_a_turn_measures_the_server_and_its_backend(bench: Bench) -> None:
    """A turn raises an error unless each event was answered with 200, written once, and counted."""
    with bench.serving(OURS) as ours, bench.serving(FLOOR) as floor:
        turns = [ours.turn(4), floor.turn(4), ours.turn(1, rate=500)]

    assert [len(turn.milliseconds) for turn in turns] == [EVENTS, round(EVENTS * FLOOR.share), EVENTS]
    assert all(turn.cpu_us > 0 and turn.backend_us > 0 and turn.peak_mb > 1 for turn in turns)
    assert turns[0].calls <= EVENTS
    assert turns[2].events_per_second < 600


async def test_a_copied_payment_takes_its_event_in_its_first_write(
    tmp_path: Path, dynamodb_folder: Path, free_port: Callable[[], int]
) -> None:
    """DynamoDB Local is slow at first, so the same write can be tried again; a wrong guess would send another one."""
    size, payment_id = 30, stored_payments.payment_id(17)
    stored_payments.fill(tmp_path, [size])
    event = events.translate(requests.body_of("session", payment_id, 0).encode(), livemode=False)
    assert isinstance(event, PaymentEvent)
    with (
        DynamoDBLocal(free_port(), tmp_path, dynamodb_folder) as dynamodb,
        FaultyDynamoDB(dynamodb.endpoint, free_port()) as proxy,
    ):
        async with PaymentStore(stored_payments.settings_of(proxy.endpoint, size)) as store:
            applied = await store.apply(event)
            statements = {each["Statement"] for call in proxy.calls for each in call.statements}
            by_user = await store.by_user("user_00000017")

    assert applied.outcome is Outcome.APPLIED
    assert len(statements) == 1
    assert [payment.payment_status for payment in by_user] == [Status.COMPLETED]


def test_the_stages_cost_what_dynamodb_local_reports(dynamodb_endpoint: str) -> None:
    """DynamoDB Local reports the units of the first two stages: 7, see test_item_size.py."""
    rows = {row.stage: row for row in stages.measure(dynamodb_endpoint)}

    assert list(rows) == list(stages.STAGES)
    assert rows["created"].writes + rows["session stored"].writes == 7
    assert rows["page shown"].reads == 1.5
    assert rows["completed"].reads == 0
    assert all(row.notifying_writes >= row.writes for row in rows.values())
    assert rows["notified"].writes == 0
    assert sum(row.notify_index_writes for row in rows.values()) == stages.NOTIFIED_CHANGES * 4
