"""Runs the reconciler while Stripe or the table is busy, is unreachable or refuses calls."""

import re
import time
from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest
import stamina
from msgspec.structs import replace
from stamina.instrumentation import RetryDetails, set_on_retry_hooks

from lea_payments.payment.record import Payment
from lea_payments.reconciler.comparison import Reconciler
from lea_payments.settings import ReconcilerSettings, TableSettings
from lea_payments.store.payments import PaymentStore
from lea_payments.stripe.errors import StripeUnavailableError
from lea_payments.stripe.lists import StripeLists
from lea_payments.stripe.reader import TRIES, StripeReader
from lea_payments.telemetry import events as telemetry
from tests.support.emulator import UNREACHABLE, EmulatorClient, no_wait
from tests.support.scenarios import record
from tests.support.stripe_proxy import StripeProxy

DECLINED = "4000000000009995"


@pytest.fixture
def settings(account: EmulatorClient, table_settings: TableSettings) -> ReconcilerSettings:
    account.reset(UNREACHABLE, drop=1)
    return account.settings(table_settings)


@pytest.fixture(autouse=True)
def retries() -> Iterator[list[StripeUnavailableError]]:
    """Yield the errors after which Stripe was called again; the retries do not wait."""
    errors: list[StripeUnavailableError] = []

    def on_retry(details: RetryDetails) -> None:
        if isinstance(details.caused_by, StripeUnavailableError):
            errors.append(details.caused_by)

    set_on_retry_hooks([on_retry])
    with stamina.set_testing(True, attempts=TRIES, cap=True):
        yield errors
    set_on_retry_hooks(None)


@pytest.fixture
def reconciler(settings: ReconcilerSettings, store: PaymentStore) -> Reconciler:
    return _reconciler(settings, store)


def _reconciler(settings: ReconcilerSettings, store: PaymentStore) -> Reconciler:
    """Returns a reconciler that never waits."""
    return Reconciler(store, _lists(settings), sleep=no_wait)


def _lists(settings: ReconcilerSettings) -> StripeLists:
    return StripeLists(settings, StripeReader(settings, no_wait), telemetry.stripe_object_unreadable)


async def _paid(account: EmulatorClient, store: PaymentStore) -> Payment:
    payment = await store.create(
        replace(record(f"payment_{uuid4().hex}"), stripe_session_id=None, quote_id=uuid4().hex)
    )
    account.pay_without_waiting(account.session(payment))
    return payment


async def _status(store: PaymentStore, payment: Payment) -> str:
    current = await store.get(payment.payment_intent_id)
    assert current is not None
    return current.payment_status


@pytest.mark.parametrize(
    "fault",
    [{"status": 429, "retry_after": 7}, {"status": 500}, {"status": 503, "retry_after": 7}, {"drop": "request"}],
    ids=["rate limit", "server error", "unavailable", "no connection"],
)
async def test_calls_to_a_busy_stripe_are_repeated(
    account: EmulatorClient,
    store: PaymentStore,
    reconciler: Reconciler,
    retries: list[StripeUnavailableError],
    fault: dict[str, object],
) -> None:
    payment = await _paid(account, store)
    account.set_faults(api_error={**fault, "times": 3}, drop=1)

    run = await reconciler.run()

    assert (run.outcome, run.drift) == ("ok", 1)
    assert await _status(store, payment) == "completed"
    assert [(error.http_status, error.retry_after) for error in retries] == [
        (fault.get("status"), fault.get("retry_after"))
    ] * 3


async def test_the_run_after_an_outage_of_stripe_repairs(
    account: EmulatorClient, store: PaymentStore, reconciler: Reconciler, retries: list[StripeUnavailableError]
) -> None:
    payment = await _paid(account, store)
    account.set_faults(api_error={"status": 503}, drop=1)
    first = await reconciler.run()
    before = await _status(store, payment)
    account.set_faults(drop=1)

    second = await reconciler.run()

    assert (first.outcome, first.repaired, before) == ("stripe_unavailable", 0, "pending")
    assert len(retries) == TRIES - 1
    assert (second.outcome, await _status(store, payment)) == ("ok", "completed")


async def test_sessions_are_repaired_if_events_cannot_be_read(
    account: EmulatorClient, store: PaymentStore, reconciler: Reconciler
) -> None:
    payment = await _paid(account, store)
    account.set_faults(api_error={"status": 500, "path": "/v1/events"}, drop=1)

    run = await reconciler.run()

    assert (run.outcome, run.repaired) == ("stripe_unavailable", 1)
    assert await _status(store, payment) == "completed"


@pytest.mark.parametrize(
    "path", ["/v1/checkout/sessions", "/v1/refunds", "/v1/disputes", "/v1/radar/early_fraud_warnings", "/v1/events"]
)
async def test_a_list_that_stripe_refuses_does_not_stop_others(
    account: EmulatorClient, store: PaymentStore, reconciler: Reconciler, path: str
) -> None:
    payment = await _paid(account, store)
    account.set_faults(api_error={"status": 400, "path": path}, drop=1)

    run = await reconciler.run()

    assert (run.outcome, run.drift) == ("stripe_refused", 1)
    assert (run.problem or "").startswith(f"{path}: Stripe rejected the request")
    assert await _status(store, payment) == "completed"


async def test_an_invalid_key_ends_the_run_with_a_remedy(
    settings: ReconcilerSettings, store: PaymentStore, retries: list[StripeUnavailableError]
) -> None:
    wrong = settings.model_copy(update={"stripe_secret_key": "sk_unknown"})

    run = await _reconciler(wrong, store).run()

    assert run.outcome == "stripe_refused"
    assert "STRIPE_SECRET_KEY" in (run.problem or "")
    assert not retries


async def test_an_unreachable_table_ends_the_run(
    account: EmulatorClient, settings: ReconcilerSettings, store: PaymentStore, free_port: Callable[[], int]
) -> None:
    payment = await _paid(account, store)
    nowhere = settings.model_copy(update={"ddb_endpoint": f"http://127.0.0.1:{free_port()}"})

    async with PaymentStore(nowhere) as unreachable:
        run = await _reconciler(settings, unreachable).run()

    assert (run.outcome, run.repaired) == ("table_unavailable", 0)
    assert await _status(store, payment) == "pending"


async def test_payments_of_other_systems_are_not_touched(
    account: EmulatorClient, store: PaymentStore, reconciler: Reconciler
) -> None:
    own_payment = await _paid(account, store)
    foreign_payment = record("order_of_another_system")
    account.pay_without_waiting(account.session(foreign_payment))
    account.pay_without_waiting(account.session(foreign_payment, metadata=False, reference=False), card=DECLINED)

    run = await reconciler.run()

    assert (run.outcome, run.drift) == ("ok", 1)
    assert await _status(store, own_payment) == "completed"
    assert await store.get(foreign_payment.payment_intent_id) is None


async def test_a_decline_without_metadata_is_found_by_an_old_session(
    account: EmulatorClient, store: PaymentStore, settings: ReconcilerSettings
) -> None:
    payment = await store.create(replace(record(f"payment_{uuid4().hex}"), stripe_session_id=None))
    account.pay_without_waiting(account.session(payment, metadata=False), card=DECLINED)
    later = time.time() + 27 * 3600

    run = await Reconciler(store, _lists(settings), now=lambda: later, sleep=no_wait).run()

    after = await store.get(payment.payment_intent_id)
    assert after is not None
    assert (run.drift, after.payment_status, after.status_reason) == (1, "failed", "card_declined:insufficient_funds")


async def test_objects_of_the_other_mode_are_not_applied(
    account: EmulatorClient, store: PaymentStore, settings: ReconcilerSettings
) -> None:
    payment = await _paid(account, store)
    live = _lists(settings.model_copy(update={"livemode": True}))

    run = await Reconciler(store, live, sleep=no_wait).run()

    assert (run.outcome, run.drift, await _status(store, payment)) == ("ok", 0, "pending")


async def test_a_list_that_never_ends_is_an_error_and_nothing_is_lost(
    account: EmulatorClient, store: PaymentStore, settings: ReconcilerSettings, free_port: Callable[[], int]
) -> None:
    payment = await _paid(account, store)
    with StripeProxy(account.url, free_port()) as proxy:
        proxy.change_body = lambda body: re.sub(rb'("has_more": *)false', rb"\1true", body)
        run = await _reconciler(settings.model_copy(update={"stripe_api_base": proxy.url}), store).run()

    assert run.outcome == "stripe_unavailable"
    assert "does not end" in (run.problem or "")
    assert await _status(store, payment) == "completed"
