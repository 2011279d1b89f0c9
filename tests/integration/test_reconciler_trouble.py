"""The reconciler while Stripe or the table is busy, away, or says no: it waits, tells, and loses nothing."""

import time
from collections.abc import Callable
from uuid import uuid4

import pytest
from msgspec.structs import replace

from lea_payments.payment.record import Payment
from lea_payments.reconciler.app import Reconciler
from lea_payments.settings import ReconcilerSettings, TableSettings
from lea_payments.store.payments import PaymentStore
from lea_payments.stripe.lists import StripeRecords
from lea_payments.stripe.reader import TRIES, StripeCalls
from tests.support.scenarios import record
from tests.support.stripe_account import NOBODY, Account, at_once

DECLINED = "4000000000009995"


@pytest.fixture
def settings(account: Account, table_settings: TableSettings) -> ReconcilerSettings:
    account.reset(NOBODY, drop=1)
    return account.settings(table_settings)


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def reconciler(settings: ReconcilerSettings, store: PaymentStore, slept: list[float]) -> Reconciler:
    return _reconciler(settings, store, slept)


def _reconciler(settings: ReconcilerSettings, store: PaymentStore, slept: list[float]) -> Reconciler:
    """One that notes how long it would wait for Stripe, in place of waiting."""

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    return Reconciler(store, StripeRecords(settings, StripeCalls(settings, sleep)), sleep=at_once)


async def _paid(account: Account, store: PaymentStore) -> Payment:
    payment = await store.create(
        replace(record(f"payment_{uuid4().hex}"), stripe_session_id=None, quote_id=uuid4().hex)
    )
    account.pay(account.session(payment))
    return payment


async def _status(store: PaymentStore, payment: Payment) -> str:
    found = await store.get(payment.payment_intent_id)
    assert found is not None
    return found.payment_status


@pytest.mark.parametrize(
    "fault",
    [{"status": 429, "retry_after": 7}, {"status": 500}, {"status": 503, "retry_after": 7}, {"drop": "request"}],
    ids=["too many calls", "a fault of Stripe's", "Stripe is down", "no connection"],
)
async def test_a_busy_stripe_is_waited_for(
    account: Account, store: PaymentStore, reconciler: Reconciler, slept: list[float], fault: dict[str, object]
) -> None:
    payment = await _paid(account, store)
    account.faults(api_error={**fault, "times": 3}, drop=1)

    run = await reconciler.run()

    assert (run.outcome, run.drift) == ("ok", 1)
    assert await _status(store, payment) == "completed"
    assert sum(pause >= fault.get("retry_after", 0.25) for pause in slept) >= 3  # type: ignore[operator]


async def test_a_stripe_that_stays_away_ends_the_run_and_the_next_one_does_the_work(
    account: Account, store: PaymentStore, reconciler: Reconciler, slept: list[float]
) -> None:
    payment = await _paid(account, store)
    account.faults(api_error={"status": 503}, drop=1)
    first = await reconciler.run()
    before = await _status(store, payment)
    account.faults(drop=1)

    second = await reconciler.run()

    assert (first.outcome, first.repaired, before) == ("stripe_unavailable", 0, "pending")
    assert len([pause for pause in slept if pause >= 0.25]) >= TRIES - 1
    assert (second.outcome, await _status(store, payment)) == ("ok", "completed")


async def test_what_the_sessions_told_is_repaired_though_the_events_cannot_be_read(
    account: Account, store: PaymentStore, reconciler: Reconciler
) -> None:
    payment = await _paid(account, store)
    account.faults(api_error={"status": 500, "path": "/v1/events"}, drop=1)

    run = await reconciler.run()

    assert (run.outcome, run.repaired) == ("stripe_unavailable", 1)
    assert await _status(store, payment) == "completed"


async def test_a_key_that_stripe_does_not_take_is_told_with_its_remedy_and_not_repeated(
    settings: ReconcilerSettings, store: PaymentStore, slept: list[float]
) -> None:
    wrong = settings.model_copy(update={"stripe_secret_key": "sk_of_nobody"})

    run = await _reconciler(wrong, store, slept).run()

    assert run.outcome == "stripe_refused"
    assert "STRIPE_SECRET_KEY" in (run.problem or "")
    assert not [pause for pause in slept if pause > 0.25]


async def test_a_table_that_does_not_answer_ends_the_run_with_nothing_written(
    account: Account, settings: ReconcilerSettings, store: PaymentStore, free_port: Callable[[], int]
) -> None:
    payment = await _paid(account, store)
    nowhere = settings.model_copy(update={"ddb_endpoint": f"http://127.0.0.1:{free_port()}"})

    async with PaymentStore(nowhere) as away:
        run = await _reconciler(settings, away, []).run()

    assert (run.outcome, run.repaired) == ("table_unavailable", 0)
    assert await _status(store, payment) == "pending"


async def test_sessions_and_events_of_others_on_the_account_are_left_alone(
    account: Account, store: PaymentStore, reconciler: Reconciler
) -> None:
    ours = await _paid(account, store)
    theirs = record("order_of_another_system")
    account.pay(account.session(theirs))
    account.pay(account.session(theirs, metadata=False, reference=False), card=DECLINED)

    run = await reconciler.run()

    assert (run.outcome, run.drift) == ("ok", 1)
    assert await _status(store, ours) == "completed"
    assert await store.get(theirs.payment_intent_id) is None


async def test_a_decline_that_names_nothing_of_ours_is_found_by_its_session_though_that_is_old(
    account: Account, store: PaymentStore, settings: ReconcilerSettings
) -> None:
    payment = await store.create(replace(record(f"payment_{uuid4().hex}"), stripe_session_id=None))
    account.pay(account.session(payment, metadata=False), card=DECLINED)
    later = time.time() + 27 * 3600
    records = StripeRecords(settings, StripeCalls(settings))

    run = await Reconciler(store, records, now=lambda: later, sleep=at_once).run()

    after = await store.get(payment.payment_intent_id)
    assert after is not None
    assert (run.drift, after.payment_status, after.status_reason) == (1, "failed", "card_declined:insufficient_funds")


async def test_live_records_are_left_alone_by_a_reconciler_in_test_mode(
    account: Account, store: PaymentStore, settings: ReconcilerSettings
) -> None:
    payment = await _paid(account, store)
    live = StripeRecords(settings.model_copy(update={"livemode": True}), StripeCalls(settings))

    run = await Reconciler(store, live, sleep=at_once).run()

    assert (run.outcome, run.drift, await _status(store, payment)) == ("ok", 0, "pending")
