"""The reconciler: every few minutes it asks Stripe for what no webhook has told, and repairs the records.

It keeps nothing between two runs: what it looks at is a window of time, and what it has repaired differs no more.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable

from fastapi import FastAPI

from lea_payments.log import log
from lea_payments.payment.event import CHANGES, PaymentEvent
from lea_payments.serving.app import create_app as create_base_app
from lea_payments.settings import ReconcilerSettings
from lea_payments.store.errors import UnavailableError
from lea_payments.store.payments import PaymentStore
from lea_payments.store.repairs import Repairs
from lea_payments.stripe.events import TRANSLATORS
from lea_payments.stripe.lists import StripeRecords
from lea_payments.stripe.reader import StripeCallError, StripeCalls, StripeRefusedError
from lea_payments.telemetry import reconciler as reconciler_telemetry
from lea_payments.telemetry import setup as observability
from lea_payments.telemetry.reconciler import Run

HOUR = 3600
SESSIONS_HOURS = 26
"""A session lives 24 hours at most (docs.stripe.com/api/checkout/sessions); two more, so that clocks may differ."""

EVENTS_HOURS = 72
"""For as long Stripe itself sends an event again (docs.stripe.com/webhooks); what is older is for `replay`."""

NAMELESS = tuple(event_type for event_type in TRANSLATORS if not event_type.startswith("checkout.session."))
"""What may name nothing but a PaymentIntent, which leads to its payment only once that is completed."""

SETTLE_SECONDS = 5.0
"""How long a webhook under way gets before its news counts as missing."""

AT_ONCE = 50


class Reconciler:
    """Compares what Stripe says with the records; harmless beside the webhook and beside another reconciler."""

    def __init__(
        self,
        store: PaymentStore,
        records: StripeRecords,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._records = records
        self._now = now
        self._sleep = sleep

    async def run(self) -> Run:
        """One look at everything in the window; never raises, what went wrong is in the run's outcome."""
        with reconciler_telemetry.running() as run:
            try:
                await self._run(run)
            except UnavailableError as trouble:
                run.failed("table_unavailable", str(trouble))
            except StripeCallError as trouble:
                _stripe_failed(run, trouble)
            except Exception:  # noqa: BLE001 - the next run is a new chance, and we get the traceback
                run.failed("error", "a fault of ours: see the traceback")
                log.exception("reconciler_error")
            return run

    async def work(self, interval_seconds: float) -> None:
        """Runs again and again, for ever."""
        while True:
            await self.run()
            await asyncio.sleep(interval_seconds)

    async def _run(self, run: Run) -> None:
        repairs = Repairs(self._store, self._records)
        untold: list[PaymentEvent] = []
        undelivered: list[PaymentEvent] = []
        try:
            # Sessions first: they lead from a PaymentIntent to a payment where the news itself does not.
            await self._look_at_sessions(repairs, run, untold)
            await self._look_at_events(repairs, run, undelivered)
        except StripeCallError as trouble:
            _stripe_failed(run, trouble)
        if untold or undelivered:
            await self._sleep(SETTLE_SECONDS)
        # Stripe's own events first, so that the history names them; what they have told already is then no news.
        for events in (undelivered, untold):
            await _each(run, events, lambda event: _settle(repairs, run, event))

    async def _look_at_sessions(self, repairs: Repairs, run: Run, differing: list[PaymentEvent]) -> None:
        async for page in self._records.sessions(self._since(SESSIONS_HOURS)):
            for session, _ in page:
                repairs.know(session)
            news = [event for _, event in page if event is not None]
            await _each(run, news, lambda event: _look(repairs, run, event, differing))

    async def _look_at_events(self, repairs: Repairs, run: Run, differing: list[PaymentEvent]) -> None:
        async for page in self._records.events(self._since(EVENTS_HOURS), undelivered=True):
            await _each(run, page, lambda event: _look(repairs, run, event, differing))
        # One that came before its payment's completion found no payment, and was answered 2xx all the same.
        async for page in self._records.events(self._since(SESSIONS_HOURS), types=NAMELESS):
            nameless = [event for event in page if event.payment_id is None]
            await _each(run, nameless, lambda event: _look(repairs, run, event, differing))

    def _since(self, hours: int) -> int:
        return int(self._now()) - hours * HOUR


async def _look(repairs: Repairs, run: Run, event: PaymentEvent, differing: list[PaymentEvent]) -> None:
    run.looked_at += 1
    if (await repairs.look(event)).outcome in CHANGES:
        differing.append(event)


async def _settle(repairs: Repairs, run: Run, event: PaymentEvent) -> None:
    outcome, before, after = await repairs.settle(event)
    run.settled(outcome, event, before, after)


async def _each(run: Run, events: Iterable[PaymentEvent], work: Callable[[PaymentEvent], Awaitable[None]]) -> None:
    """The work for each event, so many at a time; silence of the table or of Stripe ends it, nothing else does."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(event: PaymentEvent) -> None:
        async with room:
            try:
                await work(event)
            except (UnavailableError, StripeCallError):
                raise
            except Exception:  # noqa: BLE001 - one record that cannot be written must not keep the others from repair
                run.failed("error", f"event {event.id} cannot be applied: see the traceback in the log")
                log.exception("reconciler_error", event_id=event.id)

    try:
        async with asyncio.TaskGroup() as group:
            for event in events:
                group.create_task(one(event))
    except ExceptionGroup as found:
        raise found.exceptions[0] from None


def _stripe_failed(run: Run, trouble: StripeCallError) -> None:
    run.failed("stripe_refused" if isinstance(trouble, StripeRefusedError) else "stripe_unavailable", str(trouble))


def create_app(settings: ReconcilerSettings, store: PaymentStore) -> FastAPI:
    """The reconciler at work, with nothing to be asked of it but its health."""
    reconciler = Reconciler(store, StripeRecords(settings, StripeCalls(settings)))
    return create_base_app("reconciler", store, background=lambda: reconciler.work(settings.interval_seconds))


def run_once(settings: ReconcilerSettings) -> Run:
    """One run from beginning to end, by itself; a port for its metrics would close before anybody reads them."""

    async def whole() -> Run:
        async with PaymentStore(settings) as store:
            return await Reconciler(store, StripeRecords(settings, StripeCalls(settings))).run()

    observability.start(settings.model_copy(update={"metrics_port": 0}), "reconciler")
    try:
        return asyncio.run(whole())
    finally:
        observability.stop()
