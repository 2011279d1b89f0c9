"""Builds the app of the reconciler, and runs the reconciler once for the command line."""

import asyncio
from functools import partial

from starlette.applications import Starlette

from lea_payments.reconciler.comparison import Reconciler
from lea_payments.reconciler.lookups import LOOKUPS_PER_RUN, NO_LIMIT
from lea_payments.reconciler.run import Run
from lea_payments.serving.app import create_app as create_base_app
from lea_payments.serving.background.secret_files import SecretFiles
from lea_payments.settings import ReconcilerSettings, read
from lea_payments.store.payments import PaymentStore
from lea_payments.stripe.lists import StripeLists
from lea_payments.stripe.reader import StripeReader
from lea_payments.telemetry import events as telemetry
from lea_payments.telemetry import setup as observability


def create_app(settings: ReconcilerSettings, store: PaymentStore) -> Starlette:
    """The app of the reconciler: it runs the comparison in the background and serves only the health routes."""
    reader = StripeReader(settings)
    reconciler = _reconciler(settings, store, reader, LOOKUPS_PER_RUN)
    files = SecretFiles(settings, reader.use, partial(read, ReconcilerSettings))

    async def work() -> None:
        await asyncio.gather(reconciler.work(settings.interval_seconds), files.watch())

    return create_base_app(store, store.ping_events, background=work)


def _reconciler(settings: ReconcilerSettings, store: PaymentStore, reader: StripeReader, limit: float) -> Reconciler:
    """A reconciler that compares this table with this Stripe account."""
    return Reconciler(store, StripeLists(settings, reader, telemetry.stripe_object_unreadable), limit=limit)


def run_once(settings: ReconcilerSettings) -> Run:
    """Runs the reconciler once, without a limit, because no next run follows.

    It has no metrics port: the process ends before anything could read it.
    """

    async def run() -> Run:
        async with PaymentStore(settings, notifications=settings.notifications) as store:
            return await _reconciler(settings, store, StripeReader(settings), NO_LIMIT).run()

    observability.start(settings.model_copy(update={"metrics_port": 0}), "reconciler")
    try:
        return asyncio.run(run())
    finally:
        observability.stop()
