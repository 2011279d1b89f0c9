"""Follows notifications from the write that changes a payment to the receivers, with the service as a process."""

import json
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from lea_payments.notifications.delivery import Delivery, Stage
from lea_payments.notifier.sender import CONNECTIONS
from lea_payments.payment.event import Outcome, PaymentEvent
from lea_payments.settings import TableSettings
from lea_payments.store.notifications.items import attribute_of
from lea_payments.store.notifications.outbox import LEASE_SECONDS, Outbox
from lea_payments.store.payments import PaymentStore
from lea_payments.stripe import events as stripe_events
from tests.support import dynamodb_faults as faults
from tests.support import stripe_bodies
from tests.support.command_line import RunCommand, command_runner
from tests.support.faulty_dynamodb import FaultyDynamoDB
from tests.support.processes import Process
from tests.support.receiver import SECRET, Answer, Receiver
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


@pytest.fixture
def run(tmp_path: Path, table_settings: TableSettings) -> RunCommand:
    return command_runner(tmp_path, table_settings)


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


async def test_nothing_is_marked_without_the_setting(table_settings: TableSettings, records: Records) -> None:
    payment_id = records.put()
    async with PaymentStore(table_settings) as store:
        await _complete(store, payment_id)

    assert _is_settled(records, payment_id)


async def test_a_detail_is_not_notified(records: Records, store: PaymentStore) -> None:
    payment_id = records.put(stripe_payment_intent="pi_detail")

    await store.apply(_event(stripe_bodies.charged(payment_id, "pi_detail")))

    assert records.get(payment_id).version == 1
    assert _is_settled(records, payment_id)


async def test_the_notifier_changes_neither_version_nor_time(
    notify: Callable[..., Process], receiver: Receiver, records: Records, store: PaymentStore
) -> None:
    payment_id = records.put()
    await _complete(store, payment_id)
    before = records.get(payment_id)
    notify()

    receiver.wait_for(payment_id)
    until(lambda: _is_settled(records, payment_id))

    assert records.get(payment_id) == before


async def test_a_failed_attempt_is_repeated_with_the_same_id(
    notify: Callable[..., Process], receiver: Receiver, records: Records, store: PaymentStore
) -> None:
    receiver.answers = [Answer(500), Answer(302, {"location": receiver.url}), Answer(0), Answer(404)]
    payment_id = records.put()
    await _complete(store, payment_id)
    notify()

    received = receiver.wait_for(payment_id, 5)
    until(lambda: _is_settled(records, payment_id))

    assert len({one.id for one in received}) == len({one.body for one in received}) == 1
    assert len(received) == 5
    for one in received:
        one.verify()


async def test_a_change_while_an_older_one_is_sent_comes_next(
    notify: Callable[..., Process], receiver: Receiver, records: Records, store: PaymentStore
) -> None:
    """Two notifiers run, and none of them sends the newer version while the older one is in flight."""
    may_answer = threading.Event()
    receiver.answers = [Answer(before=lambda: may_answer.wait(60))]
    payment_id = records.put()
    await store.apply(_event(stripe_bodies.declined(payment_id)))
    for _ in range(2):
        notify()
    receiver.wait_for(payment_id)

    await _complete(store, payment_id)
    other = records.put()
    await _complete(store, other)
    receiver.wait_for(other)
    in_flight = len(receiver.of(payment_id))
    may_answer.set()

    received = receiver.wait_for(payment_id, 2)
    until(lambda: _is_settled(records, payment_id))
    assert in_flight == 1
    assert [one.type for one in received] == ["payment.failed", "payment.completed"]
    assert [one.data["version"] for one in received] == [1, 2]


async def test_a_slow_endpoint_does_not_delay_another_one(
    notify: Callable[..., Process], receiver: Receiver, records: Records, store: PaymentStore
) -> None:
    """The quick endpoint gets more payments than the slow one can keep in flight, before the slow one answers any."""
    may_answer = threading.Event()
    with Receiver() as slow:
        slow.answer = Answer(before=lambda: may_answer.wait(60))
        payment_ids = [records.put() for _ in range(2 * CONNECTIONS)]
        for payment_id in payment_ids:
            await _complete(store, payment_id)
        secrets = f"quick={SECRET},slow={SECRET}"
        process = notify(NOTIFY_URL=f"quick={receiver.url},slow={slow.url}", NOTIFY_SECRET=secrets)
        for payment_id in payment_ids:
            receiver.wait_for(payment_id)
        answered = [line for line in process.log.read_text().splitlines() if "notification_delivered" in line]
        may_answer.set()

    assert not any('"slow"' in line for line in answered)


async def test_a_filter_decides_what_an_endpoint_gets(
    notify: Callable[..., Process], receiver: Receiver, records: Records, store: PaymentStore
) -> None:
    declined, completed = records.put(), records.put()
    await store.apply(_event(stripe_bodies.declined(declined)))
    await _complete(store, completed)
    notify(NOTIFY_EVENTS="payment.completed")

    receiver.wait_for(completed)
    until(lambda: _is_settled(records, declined))

    assert not receiver.of(declined)


async def test_410_ends_this_notification_only(
    notify: Callable[..., Process], receiver: Receiver, records: Records, store: PaymentStore
) -> None:
    receiver.answers = [Answer(410)]
    payment_id = records.put()
    await store.apply(_event(stripe_bodies.declined(payment_id)))
    process = notify()
    receiver.wait_for(payment_id)
    until(lambda: _is_settled(records, payment_id))

    await _complete(store, payment_id)

    assert [one.type for one in receiver.wait_for(payment_id, 2)] == ["payment.failed", "payment.completed"]
    assert "notification_refused" in process.output()


async def test_a_dead_letter_is_sent_again_on_request(
    notify: Callable[..., Process],
    receiver: Receiver,
    records: Records,
    store: PaymentStore,
    run: RunCommand,
) -> None:
    """The first attempt failed four days ago."""
    receiver.answers = [Answer(500)]
    payment_id = records.put()
    await _complete(store, payment_id)
    failed = Delivery(target=1, attempts=9, first_failure=int((time.time() - 4 * 86400) * 1000), stage=Stage.DUE)
    records.put_item({**records.item(payment_id), "notifications": attribute_of({"default": failed})})
    process = notify()
    until(lambda: "dead" in str(records.item(payment_id).get("notify_shard")))

    assert "given up: `lea-payments notify --dead-lettered`" in run("show", payment_id).stdout
    assert "notification_dead_lettered" in process.output()
    sent = run("notify", "--dead-lettered")
    received = receiver.wait_for(payment_id, 2)
    until(lambda: _is_settled(records, payment_id))

    assert (sent.returncode, sent.stdout.splitlines()[0]) == (0, f"{payment_id}: due now")
    assert received[0].id == received[1].id
    assert (
        json.loads(run("show", payment_id, "--json").stdout)[0]["notifications"]["endpoints"]["default"]["version"] == 1
    )
    assert run("notify", "--dead-lettered").stdout == "No notification was given up.\n"


async def test_a_notification_is_sent_again_by_its_id(
    notify: Callable[..., Process], receiver: Receiver, records: Records, store: PaymentStore, run: RunCommand
) -> None:
    payment_id = records.put()
    await _complete(store, payment_id)
    notify()
    receiver.wait_for(payment_id)
    until(lambda: _is_settled(records, payment_id))

    sent = run("notify", payment_id, "payment_unknown")

    assert sent.returncode == 1
    assert sent.stdout.splitlines()[:2] == [f"{payment_id}: due now", "payment_unknown: there is no such payment"]
    first, second = receiver.wait_for(payment_id, 2)
    assert (first.id, first.body) == (second.id, second.body)


@pytest.mark.parametrize("ids", [("",), ("payment_1", " ")])
def test_an_empty_id_is_a_wrong_argument(run: RunCommand, ids: tuple[str, ...]) -> None:
    result = run("notify", *ids)

    assert (result.returncode, result.stdout) == (2, "")
    assert "an id is empty" in result.stderr


async def test_secrets_rotate_without_a_restart(
    notify: Callable[..., Process], receiver: Receiver, records: Records, store: PaymentStore, tmp_path: Path
) -> None:
    file = tmp_path / "secrets"
    file.write_text(SECRET)
    process = notify(NOTIFY_SECRET="", NOTIFY_SECRET_FILE=str(file))

    file.write_text(f"{OTHER_SECRET}\n{SECRET}\n")
    until(lambda: "secrets_loaded" in process.log.read_text())
    payment_id = records.put()
    await _complete(store, payment_id)

    received = receiver.wait_for(payment_id)[0]
    for secret in (OTHER_SECRET, SECRET):
        received.verify(secret)


async def test_a_stop_finishes_what_is_in_flight(
    notify: Callable[..., Process], receiver: Receiver, records: Records, store: PaymentStore
) -> None:
    may_answer = threading.Event()
    receiver.answer = Answer(before=lambda: may_answer.wait(60))
    payment_id = records.put()
    await _complete(store, payment_id)
    process = notify()
    receiver.wait_for(payment_id)

    process.process.send_signal(signal.SIGTERM)
    threading.Timer(0.5, may_answer.set).start()

    assert process.stop() == 0
    assert _is_settled(records, payment_id)
    assert len(receiver.of(payment_id)) == 1


async def test_a_crash_delays_the_notification_by_its_lease(
    table_settings: TableSettings, records: Records, store: PaymentStore
) -> None:
    payment_id = records.put()
    await _complete(store, payment_id)
    later = datetime.now(UTC) + timedelta(seconds=LEASE_SECONDS, hours=1)  # after any lease of this test

    async with Outbox(table_settings) as crashed, Outbox(table_settings, lambda: later) as other:
        taken = [await crashed.take(payment_id), await Outbox(table_settings).take(payment_id)]
        after_lease = await other.take(payment_id)
        assert taken[0] is not None
        is_stored = await crashed.finish(taken[0], {}, None, dead=False)

    assert (taken[1], is_stored) == (None, False)
    assert after_lease is not None


async def test_a_lost_response_keeps_the_lease(
    dynamodb: FaultyDynamoDB, table_settings: TableSettings, records: Records, store: PaymentStore
) -> None:
    payment_id = records.put()
    await _complete(store, payment_id)
    settings = table_settings.model_copy(update={"ddb_endpoint": dynamodb.endpoint})

    async with Outbox(settings) as outbox:
        dynamodb.fault = faults.first_calls(faults.lost_error(500, "InternalServerError"))
        leased = await outbox.take(payment_id)

    assert leased is not None


async def test_pods_of_0_1_0_do_not_disturb_the_outbox(records: Records, store: PaymentStore) -> None:
    """Their writes replace known fields only, so what is due stays due; a guard of this version does not name it."""
    payment_id = records.put()
    await store.apply(_event(stripe_bodies.declined(payment_id)))
    item = records.item(payment_id)
    due = {name: item[name] for name in OUTBOX if name in item}

    record = records.get(payment_id)
    await store.change_checkout(record, checkout_locale="ms")

    assert due.keys() == {"notify_shard", "notify_at", "notify_version"}
    assert {name: records.item(payment_id)[name] for name in due} == due


async def test_a_proxy_of_the_environment_is_used(
    notify: Callable[..., Process], receiver: Receiver, records: Records, store: PaymentStore
) -> None:
    """The receiver plays the proxy, which gets the whole URL."""
    payment_id = records.put()
    await _complete(store, payment_id)
    proxy = receiver.url.removesuffix("/payments")
    notify(NOTIFY_URL="http://crm.example/hooks", HTTP_PROXY=proxy, NO_PROXY="127.0.0.1")

    assert receiver.wait_for(payment_id)[0].path == "http://crm.example/hooks"


async def test_a_large_response_is_not_read(
    notify: Callable[..., Process], receiver: Receiver, records: Records, store: PaymentStore
) -> None:
    receiver.answer = Answer(200, body=b"x" * 20_000_000)
    payment_id = records.put()
    await _complete(store, payment_id)
    process = notify()
    before = psutil.Process(process.process.pid).memory_info().rss

    receiver.wait_for(payment_id)
    until(lambda: _is_settled(records, payment_id))

    assert psutil.Process(process.process.pid).memory_info().rss - before < 10_000_000


async def test_a_body_that_never_comes_changes_nothing(
    notify: Callable[..., Process], receiver: Receiver, records: Records, store: PaymentStore
) -> None:
    may_continue = threading.Event()
    receiver.answer = Answer(200, body=b"x", before_body=lambda: may_continue.wait(60))
    payment_id = records.put()
    await _complete(store, payment_id)
    notify()

    until(lambda: _is_settled(records, payment_id))
    may_continue.set()

    assert len(receiver.of(payment_id)) == 1
