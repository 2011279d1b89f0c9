"""Builds the app of the reconciler, and runs the reconciler once for the command line."""

import asyncio

from fastapi import FastAPI

from lea_payments.reconciler.comparison import Reconciler
from lea_payments.reconciler.lookups import LOOKUPS_PER_RUN, NO_LIMIT
from lea_payments.reconciler.run import Run
from lea_payments.serving.app import create_app as create_base_app
from lea_payments.settings import ReconcilerSettings
from lea_payments.store.payments import PaymentStore
from lea_payments.stripe.lists import StripeLists
from lea_payments.stripe.reader import StripeReader
from lea_payments.telemetry import events as telemetry
from lea_payments.telemetry import setup as observability


def create_app(settings: ReconcilerSettings, store: PaymentStore) -> FastAPI:
    """The app of the reconciler: it runs the comparison in the background and serves only the health routes."""
    reconciler = create_reconciler(settings, store)
    return create_base_app(
        "reconciler", store, store.ping_events, background=lambda: reconciler.work(settings.interval_seconds)
    )


def create_reconciler(settings: ReconcilerSettings, store: PaymentStore, limit: float = LOOKUPS_PER_RUN) -> Reconciler:
    """A reconciler that compares this table with this Stripe account."""
    lists = StripeLists(settings, StripeReader(settings), telemetry.stripe_object_unreadable)
    return Reconciler(store, lists, limit=limit)


def run_once(settings: ReconcilerSettings) -> Run:
    """Runs the reconciler once, without a limit, because no next run follows.

    It has no metrics port: the process ends before anything could read it.
    """

    async def run() -> Run:
        async with PaymentStore(settings) as store:
            return await create_reconciler(settings, store, NO_LIMIT).run()

    observability.start(settings.model_copy(update={"metrics_port": 0}), "reconciler")
    try:
        return asyncio.run(run())
    finally:
        observability.stop()
