"""Follows notifications from the write that changes a payment to the receivers, with the service as a process."""

from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from lea_payments.payment.event import Outcome, PaymentEvent
from lea_payments.settings import TableSettings
from lea_payments.store.payments import PaymentStore
from lea_payments.stripe import events as stripe_events
from tests.support import stripe_bodies
from tests.support.processes import Process
from tests.support.receiver import SECRET, Receiver
from tests.support.records import Records
from tests.support.waiting import until

OTHER_SECRET = "whsec_" + "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA="
OUTBOX = ("notify_shard", "notify_at", "notify_version", "notify_lease")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def notify(start: Callable[..., Process], receiver: Receiver) -> Iterator[Callable[..., Process]]:
    """Yield a function that starts a notifier for this test only."""
    started: list[Process] = []
    settings = {"NOTIFY_URL": receiver.url, "NOTIFY_SECRET": SECRET, "NOTIFY_ALLOW_HTTP": "true"}

    def start_notifier(**env: str) -> Process:
        started.append(start("notifier", **{**settings, "NOTIFY_RETRY_SECONDS": "0.1", **env}))
        return started[-1]

    yield start_notifier
    for process in started:
        process.stop()


@pytest.fixture
async def store(table_settings: TableSettings) -> AsyncIterator[PaymentStore]:
    async with PaymentStore(table_settings, notifications=True) as store:
        yield store


def _event(body: bytes) -> PaymentEvent:
    event = stripe_events.translate(body, livemode=False)
    assert isinstance(event, PaymentEvent)
    return event


async def _complete(store: PaymentStore, payment_id: str) -> None:
    applied = await store.apply(_event(stripe_bodies.completed(payment_id)))
    assert applied.outcome is Outcome.APPLIED


def _is_settled(records: Records, payment_id: str) -> bool:
    return not any(name in records.item(payment_id) for name in OUTBOX)


async def test_a_completed_payment_is_notified(
    notify: Callable[..., Process], receiver: Receiver, records: Records, store: PaymentStore
) -> None:
    payment_id = records.put()
    await _complete(store, payment_id)
    notify()

    received = receiver.wait_for(payment_id)[0]

    received.verify()
    assert (received.type, received.data["payment_status"]) == ("payment.completed", "completed")
    assert received.data["version"] == records.get(payment_id).version == 1
    until(lambda: _is_settled(records, payment_id))
    assert records.item(payment_id)["notifications"]["M"]["default"]["M"]["v"] == {"N": "1"}
