"""Runs the reconciler beside open sessions of canceled payments, with a key that only reads."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from msgspec.structs import replace

from lea_payments.payment.record import Payment
from lea_payments.reconciler.comparison import Reconciler
from lea_payments.settings import TableSettings
from lea_payments.store.payments import PaymentStore
from lea_payments.stripe.lists import StripeLists
from lea_payments.stripe.reader import StripeReader
from lea_payments.telemetry import events as telemetry
from tests.support.emulator import EmulatorClient, no_wait
from tests.support.scenarios import record
from tests.support.stripe_proxy import StripeProxy

LONG_AGO = "2026-01-01T00:00:00.000Z"


async def _new(store: PaymentStore, **fields: Any) -> Payment:
    new = await store.create(replace(record(f"payment_{uuid4().hex}"), stripe_session_id=None, checkout_attempt=1))
    return await store.change_checkout(new, **fields) if fields else new


@pytest.fixture
def reconciler(
    account: EmulatorClient, table_settings: TableSettings, store: PaymentStore, free_port: Callable[[], int]
) -> Any:
    with StripeProxy(account.url, free_port()) as stripe:
        settings = account.settings(table_settings).model_copy(update={"stripe_api_base": stripe.url})
        lists = StripeLists(settings, StripeReader(settings), telemetry.stripe_object_unreadable)
        yield Reconciler(store, lists, sleep=no_wait)
        assert set(stripe.methods) == {"GET"}


async def test_an_open_session_of_a_canceled_payment_is_reported(
    account: EmulatorClient, store: PaymentStore, reconciler: Reconciler
) -> None:
    account.reset()
    payments = [await _new(store, **fields) for fields in ({}, {"canceled_at": LONG_AGO})]
    pending, canceled = (account.session(payment) for payment in payments)

    first = await reconciler.run()
    account.post(f"/v1/checkout/sessions/{canceled}/expire")
    second = await reconciler.run()

    assert [(run.outcome, run.payable) for run in (first, second)] == [("ok", 1), ("ok", 0)]
    assert "open sessions of canceled payments: 1" in first.summary()
    assert account.get(f"/v1/checkout/sessions/{pending}")["status"] == "open"


async def test_money_from_a_late_session_counts(
    account: EmulatorClient, store: PaymentStore, reconciler: Reconciler
) -> None:
    """The payment was canceled, and the customer has paid a session that nobody knew."""
    account.reset()
    payment = await _new(store, canceled_at=LONG_AGO)
    account.pay_without_waiting(account.session(payment))

    await reconciler.run()

    after = await store.get(payment.payment_intent_id)
    assert after is not None
    assert (after.payment_status, after.status_reason) == ("completed", None)
