"""Runs the reconciler on a real table while no event is delivered."""

import asyncio
import itertools
import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from msgspec.structs import replace

from lea_payments.payment.event import PaymentEvent
from lea_payments.payment.facts import Method
from lea_payments.payment.payers import method_of_payer
from lea_payments.payment.record import Payment, Status
from lea_payments.reconciler.comparison import GRACE_SECONDS, Reconciler
from lea_payments.reconciler.run import Run
from lea_payments.settings import ReconcilerSettings, TableSettings
from lea_payments.store.items import attributes_of
from lea_payments.store.payments import PaymentStore
from lea_payments.stripe import events as stripe_events
from lea_payments.stripe.events import EVENT_TYPES
from lea_payments.stripe.facts import LISTED_TYPES
from lea_payments.stripe.lists import StripeLists
from lea_payments.stripe.reader import StripeReader
from lea_payments.telemetry import events as telemetry
from lea_payments.telemetry import metrics
from tests.support import tables
from tests.support.command_line import command_runner
from tests.support.emulator import STRIPE_KEY, UNREACHABLE, EmulatorClient, no_wait
from tests.support.examples import examples
from tests.support.otlp_sink import OtlpSink
from tests.support.processes import Process
from tests.support.scenarios import record
from tests.support.scrape import Scrape
from tests.support.waiting import until

CANARY = "canary@example.com"
DECLINED = "4000000000009995"
DAY = 24 * 3600
MANY = examples(210, 1000)
"""More than two pages of a list at Stripe."""

DERIVED = (
    "payment_status",
    "status_reason",
    "stripe_session_id",
    "stripe_payment_intent",
    "amount_refunded",
    "dispute_status",
)
"""The published fields that follow from facts. Events report more facts than objects, such as former declines."""


@pytest.fixture
def settings(account: EmulatorClient, table_settings: TableSettings) -> ReconcilerSettings:
    return account.settings(table_settings)


@pytest.fixture
def reconciler(settings: ReconcilerSettings, store: PaymentStore) -> Reconciler:
    return Reconciler(store, _lists(settings), sleep=no_wait)


def _lists(settings: ReconcilerSettings) -> StripeLists:
    return StripeLists(settings, StripeReader(settings, no_wait), telemetry.stripe_object_unreadable)


async def _new(store: PaymentStore, **fields: Any) -> Payment:
    number = uuid4().hex
    new = replace(record(f"payment_{number}"), quote_id=f"quote_{number}", stripe_session_id=None, **fields)
    return await store.create(new)


def _published(payment: Payment | None) -> Mapping[str, object]:
    assert payment is not None
    return {name: getattr(payment, name) for name in DERIVED}


def _paid(account: EmulatorClient, payment: Payment) -> None:
    account.pay_without_waiting(account.session(payment))


def _declined(account: EmulatorClient, payment: Payment) -> None:
    account.pay_without_waiting(account.session(payment), card=DECLINED)


def _declined_without_metadata(account: EmulatorClient, payment: Payment) -> None:
    account.pay_without_waiting(account.session(payment, metadata=False), card=DECLINED)


def _declined_then_paid(account: EmulatorClient, payment: Payment) -> None:
    session_id = account.session(payment)
    account.pay_without_waiting(session_id, card=DECLINED)
    account.pay_without_waiting(session_id)


def _expired(account: EmulatorClient, payment: Payment) -> None:
    account.post(f"/v1/checkout/sessions/{account.session(payment)}/expire")


def _awaiting_funds(account: EmulatorClient, payment: Payment) -> None:
    account.pay_without_waiting(account.session(payment), method="delayed", after_seconds=3600)


def _async_paid(account: EmulatorClient, payment: Payment) -> None:
    session_id = account.session(payment)
    account.pay_without_waiting(session_id, method="delayed", after_seconds=3600)
    account.control(f"/_sessions/{session_id}/settle?result=succeeded")


def _async_failed(account: EmulatorClient, payment: Payment) -> None:
    session_id = account.session(payment)
    account.pay_without_waiting(session_id, method="delayed", after_seconds=3600)
    account.control(f"/_sessions/{session_id}/settle?result=failed")


def _wrong_amount(account: EmulatorClient, payment: Payment) -> None:
    account.pay_without_waiting(account.session(replace(payment, amount=(payment.amount or 0) + 1)))


def _paid_twice(account: EmulatorClient, payment: Payment) -> None:
    _paid(account, payment)
    _paid(account, payment)


def _refunded(account: EmulatorClient, payment: Payment) -> None:
    session_id = account.session(payment)
    account.pay_without_waiting(session_id)
    account.post("/v1/refunds", payment_intent=account.intent_of(session_id), amount=700)


def _refund_failed(account: EmulatorClient, payment: Payment) -> None:
    session_id = account.session(payment)
    account.pay_without_waiting(session_id)
    refund = account.post("/v1/refunds", payment_intent=account.intent_of(session_id), amount=700)
    account.control(f"/_refunds/{refund['id']}/fail")


def _disputed(account: EmulatorClient, payment: Payment) -> None:
    session_id = account.session(payment)
    account.pay_without_waiting(session_id)
    account.control("/_disputes", payment_intent=account.intent_of(session_id))


def _fraud_warning(account: EmulatorClient, payment: Payment) -> None:
    session_id = account.session(payment, metadata=False)
    account.pay_without_waiting(session_id)
    account.control("/_early_fraud_warnings", payment_intent=account.intent_of(session_id))


ACTIONS: Mapping[str, Callable[[EmulatorClient, Payment], None]] = {
    "paid": _paid,
    "declined": _declined,
    "declined without metadata": _declined_without_metadata,
    "declined, then paid": _declined_then_paid,
    "expired": _expired,
    "awaiting funds": _awaiting_funds,
    "asynchronous payment succeeded": _async_paid,
    "asynchronous payment failed": _async_failed,
    "wrong amount": _wrong_amount,
    "paid twice": _paid_twice,
    "refunded": _refunded,
    "refund failed": _refund_failed,
    "disputed": _disputed,
    "fraud warning": _fraud_warning,
}


async def _apply_all_events(account: EmulatorClient, store: PaymentStore) -> None:
    for event in account.events():
        translated = stripe_events.translate(json.dumps(event).encode(), livemode=False)
        if isinstance(translated, PaymentEvent):
            await store.apply(translated)


LOSSES = {"no event": None, "undelivered": UNREACHABLE}


@pytest.mark.parametrize(
    ("act", "endpoint"),
    [
        pytest.param(ACTIONS[act], LOSSES[loss], id=f"{act}, {loss}")
        for number, (act, loss) in enumerate(itertools.product(ACTIONS, LOSSES))
        if (number + number // len(LOSSES)) % examples(2, 1) == 0  # otherwise each action with one of them, in turn
    ],
)
async def test_a_repair_leaves_the_record_that_the_webhook_leaves(
    account: EmulatorClient,
    store: PaymentStore,
    reconciler: Reconciler,
    act: Callable[[EmulatorClient, Payment], None],
    endpoint: str | None,
) -> None:
    account.reset(endpoint, drop=1)
    repaired = await _new(store)
    act(account, repaired)

    run = await reconciler.run()

    after = _published(await store.get(repaired.payment_intent_id))
    await _apply_all_events(account, store)
    assert (run.outcome, run.drift) == ("ok", 1)
    assert _published(await store.get(repaired.payment_intent_id)) == after
    assert after["payment_status"] != "pending" or after["status_reason"]


async def test_a_payment_method_whose_event_was_lost_is_added(
    account: EmulatorClient, store: PaymentStore, reconciler: Reconciler
) -> None:
    account.reset(UNREACHABLE, drop=1)
    payment = await _new(store)
    _paid(account, payment)

    runs = [await reconciler.run() for _ in range(2)]

    after = await store.get(payment.payment_intent_id)
    assert after is not None
    assert method_of_payer(after) == Method("card", "visa", "4242")
    assert [(run.outcome, run.drift) for run in runs] == [("ok", 1), ("ok", 0)]


async def test_a_second_run_and_the_late_webhook_change_nothing(
    account: EmulatorClient, store: PaymentStore, reconciler: Reconciler
) -> None:
    account.reset(UNREACHABLE, drop=1)
    payments = [await _new(store) for _ in ACTIONS]
    for act, payment in zip(ACTIONS.values(), payments, strict=True):
        act(account, payment)
    first = await reconciler.run()
    before = [await store.get(payment.payment_intent_id) for payment in payments]

    second = await reconciler.run()

    assert (first.outcome, first.drift) == ("ok", len(payments))
    assert (second.outcome, second.drift, second.repaired) == ("ok", 0, 0)
    assert [await store.get(payment.payment_intent_id) for payment in payments] == before


@pytest.mark.parametrize("metadata", [True, False], ids=["metadata", "no metadata"])
async def test_an_event_that_arrived_before_completion_is_applied(
    account: EmulatorClient, store: PaymentStore, reconciler: Reconciler, *, metadata: bool
) -> None:
    """A dispute refers only to the PaymentIntent: before completion the webhook answers 2xx, unmatched."""
    account.reset()
    payment = await _new(store)
    session_id = account.session(payment, metadata=metadata)
    account.pay_without_waiting(session_id, card="4000000000000002")
    account.pay_without_waiting(session_id)
    account.control("/_disputes", payment_intent=account.intent_of(session_id))
    events = [stripe_events.translate(json.dumps(event).encode(), livemode=False) for event in account.events()[::-1]]
    before = [(await store.apply(event)).outcome for event in events if isinstance(event, PaymentEvent)]

    runs = [await reconciler.run(), await reconciler.run()]

    after = await store.get(payment.payment_intent_id)
    assert before[0] == "unmatched"
    assert after is not None
    assert (after.payment_status, after.dispute_status.name) == ("completed", "OPEN")
    assert [run.repaired for run in runs] == [1, 0]


async def test_a_dispute_that_is_lost_again_is_read_from_stripe(
    account: EmulatorClient, store: PaymentStore, reconciler: Reconciler
) -> None:
    """The events say "lost" twice: only Stripe knows that the second loss ended the appeal."""
    account.reset()
    payment = await _new(store)
    session_id = account.session(payment)
    account.pay_without_waiting(session_id)
    dispute = account.control("/_disputes", payment_intent=account.intent_of(session_id))
    for status in ("lost", "appeal_needs_response", "appeal_under_review", "lost"):
        account.control(f"/_disputes/{dispute['id']}/status", status=status)
    for _ in ("completion", "disputes that were unmatched before"):
        await _apply_all_events(account, store)
    before = await store.get(payment.payment_intent_id)

    runs = [await reconciler.run(), await reconciler.run()]

    after = await store.get(payment.payment_intent_id)
    assert before is not None
    assert after is not None
    assert (before.dispute_status, after.dispute_status) == ("review", "lost")
    assert [run.repaired for run in runs] == [1, 0]


async def test_many_payments_are_repaired_in_one_run(
    account: EmulatorClient, store: PaymentStore, reconciler: Reconciler
) -> None:
    account.reset(UNREACHABLE, drop=1)
    payments = [await _new(store) for _ in range(MANY)]
    for payment in payments:
        _paid(account, payment)

    started = time.monotonic()
    first = await reconciler.run()
    print(f"{MANY} payments repaired in {time.monotonic() - started:.1f} s")

    second = await reconciler.run()
    after = [await store.get(payment.payment_intent_id) for payment in payments]
    assert (first.outcome, first.drift) == ("ok", MANY)
    assert (second.outcome, second.drift) == ("ok", 0)
    assert {payment.payment_status for payment in after if payment is not None} == {"completed"}


async def test_two_concurrent_runs_repair_each_payment_once(
    account: EmulatorClient, store: PaymentStore, settings: ReconcilerSettings
) -> None:
    account.reset(UNREACHABLE, drop=1)
    payments = [await _new(store) for _ in range(examples(20, 40))]
    for payment in payments:
        _declined_then_paid(account, payment)
    both = [Reconciler(store, _lists(settings), sleep=no_wait) for _ in range(2)]

    runs = await _run_all(both)

    after = [await store.get(payment.payment_intent_id) for payment in payments]
    assert [run.outcome for run in runs] == ["ok", "ok"]
    for record_after in after:
        assert record_after is not None
        assert record_after.payment_status == "completed"
        history = record_after.history
        assert len({entry.event_id for entry in history}) == len(history)
        assert sum(entry.status_to == "completed" != entry.status_from for entry in history) == 1


async def _run_all(reconcilers: list[Reconciler]) -> list[Run]:
    return list(await asyncio.gather(*[reconciler.run() for reconciler in reconcilers]))


async def test_an_event_that_the_webhook_applies_late_is_not_drift(
    account: EmulatorClient, store: PaymentStore, settings: ReconcilerSettings
) -> None:
    account.reset(UNREACHABLE, drop=1)
    payment = await _new(store)
    _paid(account, payment)
    pauses: list[float] = []

    async def webhook_applies(seconds: float) -> None:
        pauses.append(seconds)
        await _apply_all_events(account, store)

    run = await Reconciler(store, _lists(settings), sleep=webhook_applies).run()

    assert pauses == [GRACE_SECONDS]
    assert (run.outcome, run.checked, run.drift) == ("ok", 2, 0)


@pytest.mark.parametrize(("attempt", "drift"), [(1, 1), (2, 0)])
async def test_an_expired_session_does_not_end_the_next_attempt(
    account: EmulatorClient, store: PaymentStore, reconciler: Reconciler, attempt: int, drift: int
) -> None:
    """Checkout has started the next attempt and waits for Stripe: the record has no session yet."""
    account.reset(UNREACHABLE, drop=1)
    soon = datetime.fromtimestamp(time.time() + 60, UTC).isoformat()
    payment = await _new(store, checkout_attempt=attempt, checkout_attempt_at=soon)
    session_id = account.session(payment, metadata=True, reference=True, **{"metadata[attempt]": 1})
    account.post(f"/v1/checkout/sessions/{session_id}/expire")

    run = await reconciler.run()

    after = await store.get(payment.payment_intent_id)
    assert after is not None
    assert (run.drift, after.payment_status) == (drift, "expired" if drift else "pending")


class Clock:
    """The reconciler's clock; the emulator keeps its own."""

    def __init__(self, days: float = 0) -> None:
        self.now = time.time() + days * DAY

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def waiting(account: EmulatorClient, store: PaymentStore, reconciler: Reconciler) -> tuple[Payment, str]:
    """A payment that waits for its money, and its session; Stripe reports no event."""
    account.reset()
    payment = await _new(store)
    session_id = account.session(payment)
    account.pay_without_waiting(session_id, method="delayed", after_seconds=3600)
    await reconciler.run()
    record_after = await store.get(payment.payment_intent_id)
    assert record_after is not None
    assert record_after.status_reason == "awaiting_funds"
    return payment, session_id


@pytest.mark.parametrize(
    ("days", "result", "status"),
    [(10, "succeeded", "completed"), (14, "failed", "failed"), (15, "succeeded", "pending")],
)
async def test_a_delayed_payment_that_settles_later_is_found(
    account: EmulatorClient,
    store: PaymentStore,
    settings: ReconcilerSettings,
    waiting: tuple[Payment, str],
    days: int,
    result: str,
    status: str,
) -> None:
    payment, session_id = waiting
    account.control(f"/_sessions/{session_id}/settle?result={result}")
    later = Reconciler(store, _lists(settings), Clock(days), no_wait)

    runs = [await later.run(), await later.run()]

    after = await store.get(payment.payment_intent_id)
    assert after is not None
    assert after.payment_status == status
    assert [(run.outcome, run.repaired) for run in runs] == [("ok", int(status != "pending")), ("ok", 0)]


async def test_a_waiting_session_is_read_once_an_hour(
    account: EmulatorClient, store: PaymentStore, settings: ReconcilerSettings, waiting: tuple[Payment, str]
) -> None:
    clock = Clock(days=3)
    later = Reconciler(store, _lists(settings), clock, no_wait)
    await later.run()
    account.control(f"/_sessions/{waiting[1]}/settle?result=succeeded")

    at_once = await later.run()
    clock.now += 3600
    in_an_hour = await later.run()

    assert (at_once.repaired, in_an_hour.repaired) == (0, 1)


async def test_waiting_sessions_are_left_to_the_next_run(
    account: EmulatorClient, store: PaymentStore, settings: ReconcilerSettings, waiting: tuple[Payment, str]
) -> None:
    account.control(f"/_sessions/{waiting[1]}/settle?result=succeeded")

    limited = await Reconciler(store, _lists(settings), Clock(days=3), no_wait, limit=0).run()
    unlimited = await Reconciler(store, _lists(settings), Clock(days=3), no_wait).run()

    assert (limited.outcome, limited.repaired, unlimited.repaired) == ("ok", 0, 1)
    assert limited.lookups_left > unlimited.lookups_left == 0


async def test_a_record_of_the_earlier_version_is_not_drift(
    account: EmulatorClient, store: PaymentStore, reconciler: Reconciler, table_settings: TableSettings
) -> None:
    """Version 0.1.0 stored the published fields and its rank, but no facts."""
    account.reset(UNREACHABLE, drop=1)
    payment = record(f"payment_{uuid4().hex}")
    session_id = account.session(payment, metadata=True, reference=True, **{"metadata[attempt]": 1})
    account.pay_without_waiting(session_id)
    fields = {"stripe_session_id": session_id, "stripe_payment_intent": account.intent_of(session_id)}
    completed = replace(payment, payment_status=Status.COMPLETED, status_rank=50, **fields)
    client = tables.client(table_settings)
    client.put_item(TableName=table_settings.table, Item=attributes_of(completed))
    client.close()

    runs = [await reconciler.run(), await reconciler.run()]

    after = await store.get(payment.payment_intent_id)
    assert after is not None
    assert after.payment_status == "completed"
    assert [(run.outcome, run.repaired, run.drift) for run in runs] == [("ok", 1, 0), ("ok", 0, 0)]


async def test_a_refund_of_the_duplicate_is_found_by_its_session(
    account: EmulatorClient, store: PaymentStore, reconciler: Reconciler
) -> None:
    """The record names the other PaymentIntent, and Stripe copies no metadata to refunds."""
    account.reset()
    payment = await _new(store)
    sessions = [account.session(payment, metadata=False) for _ in range(2)]
    for session_id in sessions:
        account.pay_without_waiting(session_id)
    await reconciler.run()
    twice = await store.get(payment.payment_intent_id)
    assert twice is not None
    duplicate = next(one for one in map(account.intent_of, sessions) if one != twice.stripe_payment_intent)
    account.post("/v1/refunds", payment_intent=duplicate)

    run = await reconciler.run()

    after = await store.get(payment.payment_intent_id)
    assert after is not None
    assert (twice.status_reason, run.drift) == ("paid_twice", 1)
    assert (after.payment_status, after.status_reason, after.amount_refunded) == ("completed", None, 0)


async def test_a_failed_write_does_not_block_other_repairs(
    account: EmulatorClient, store: PaymentStore, reconciler: Reconciler
) -> None:
    account.reset(UNREACHABLE, drop=1)
    too_large, other = await _new(store, product_name="x" * 409_000), await _new(store)
    for payment in (too_large, other):
        _paid(account, payment)

    run = await reconciler.run()

    after = await store.get(other.payment_intent_id)
    assert after is not None
    assert after.payment_status == "completed"
    assert run.outcome == "error"


async def test_a_single_run_prints_its_result(
    account: EmulatorClient, store: PaymentStore, tmp_path: Path, table_settings: TableSettings
) -> None:
    account.reset(UNREACHABLE, drop=1)
    payment = await _new(store)
    _paid(account, payment)
    run = command_runner(tmp_path, table_settings, **_environment(account))

    successful = await asyncio.to_thread(run, "reconciler", "--once")
    account.set_faults(api_error={"status": 400}, drop=1)
    rejected = await asyncio.to_thread(run, "reconciler", "--once")

    after = await store.get(payment.payment_intent_id)
    assert after is not None
    assert after.payment_status == "completed"
    assert successful.returncode == 0
    assert "ok: facts checked: 2, payments that differed: 1, changes applied: 1" in successful.stderr
    assert [json.loads(line)["event"] for line in successful.stdout.splitlines()] == [
        "payment_completed",
        "payment_repaired",
        "reconciler_run_finished",
    ]
    assert rejected.returncode == 1
    assert "✗ /v1/checkout/sessions: Stripe rejected the request" in rejected.stderr


def _environment(account: EmulatorClient) -> dict[str, str]:
    return {"STRIPE_SECRET_KEY": STRIPE_KEY, "STRIPE_API_BASE": account.url}


async def test_the_service_repairs_and_records_its_runs(
    account: EmulatorClient, store: PaymentStore, start: Callable[..., Process], free_port: Callable[[], int]
) -> None:
    account.reset(UNREACHABLE, drop=1)
    payment = await _new(store)
    account.pay_without_waiting(account.session(payment), email=CANARY)
    port = str(free_port())

    service = start("reconciler", METRICS_PORT=port, RECONCILER_INTERVAL_SECONDS="1", **_environment(account))

    await asyncio.to_thread(until, lambda: "reconciler_run_finished" in service.log.read_text())
    await asyncio.to_thread(until, lambda: _runs(port) >= 2)
    after = await store.get(payment.payment_intent_id)
    scrape = Scrape.of(f"http://127.0.0.1:{port}")
    assert after is not None
    assert after.payment_status == "completed"
    assert scrape.value("payments_reconciler_repaired_total", event_type="checkout.session.completed") == 1
    assert scrape.value("payments_reconciler_drift") == 0
    assert scrape.value("payments_outcomes_total", outcome="completed", currency="sgd") == 1
    assert time.time() - (scrape.value("payments_reconciler_last_run_timestamp_seconds") or 0) < 60
    assert scrape.series("payments_reconciler_runs_total").keys() == {
        (outcome,) for outcome in metrics.RECONCILER_RUN_OUTCOMES
    }
    assert scrape.series("payments_reconciler_repaired_total").keys() == {
        (name,) for name in (*EVENT_TYPES, *LISTED_TYPES)
    }
    assert service.stop() == 0
    repaired = [
        line for line in map(json.loads, service.log.read_text().splitlines()) if line["event"] == "payment_repaired"
    ]
    assert [line["payment_id"] for line in repaired] == [payment.payment_intent_id]
    assert not [secret for secret in (CANARY, STRIPE_KEY) if secret in service.log.read_text() + scrape.text]


async def test_a_run_is_traced_and_a_failed_run_always(
    account: EmulatorClient, store: PaymentStore, start: Callable[..., Process], free_port: Callable[[], int]
) -> None:
    account.reset(UNREACHABLE, drop=1)
    _paid(account, await _new(store))

    with OtlpSink(free_port()) as sink:
        traced = {"OTEL_EXPORTER_OTLP_ENDPOINT": sink.endpoint, "OTEL_BSP_SCHEDULE_DELAY": "100"}
        successful = start("reconciler", **_environment(account), **traced)
        run = await asyncio.to_thread(sink.one, "reconciler.run", payments__reconciler__repaired=1)
        apply = await asyncio.to_thread(sink.one, "payments.apply", stripe__event__type="checkout.session.completed")
        elsewhere = _environment(account) | {"STRIPE_API_BASE": f"{account.url}/elsewhere"}
        rejected = start("reconciler", **elsewhere, **traced, OTEL_TRACES_SAMPLER_ARG="0")
        failed = await asyncio.to_thread(sink.one, "reconciler.run", error__type="stripe_refused")
        for service in (successful, rejected):
            service.stop()

    assert apply.parent == run.span_id
    assert failed.failed
    assert not run.failed
    assert STRIPE_KEY not in sink.raw


def _runs(metrics_port: str) -> float:
    return Scrape.of(f"http://127.0.0.1:{metrics_port}").value("payments_reconciler_runs_total", outcome="ok") or 0
